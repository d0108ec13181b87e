"""The harness's own answers on three tasks of held-out text, against a float64 computation."""

import csv
import json
import math
import statistics

import numpy as np
import pytest
from evaluated import Plain
from small_runs import make_config, make_train_config

from reference_model.data import load_text
from reference_model.data.tokens import tokenizer_from_json
from reference_model.evaluate import held_out
from reference_model.evaluate.command import main
from reference_model.training.loop import train

pytest.importorskip("lm_eval", reason="needs the extra `evaluate`: lm-evaluation-harness")
# of the harness and of what it stands on
pytestmark = pytest.mark.filterwarnings("ignore")

COUNT, CONTEXT = 10, 40
TASKS = ("cloze", "next_line", "rolling")
RATE = {"gpt": 1e-2, "ngpt": 2e-2}
KINDS = {"bytes": 256, "bpe": 300}
EPS = float(np.finfo(np.float32).eps)


@pytest.fixture(scope="module", autouse=True)
def offline():
    """Whatever is asked for, nothing is fetched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_DATASETS_OFFLINE", "1")
        yield


def sentences(seed):
    """Text with something to learn, and letters of more bytes than one."""
    random = np.random.default_rng(seed)
    parts = (["The cat", "My dog", "Élise"], ["eats", "likes", "sees"], ["mice", "the sea", "pâté"])
    lines = [" ".join(str(random.choice(part)) for part in parts) for _ in range(600)]
    return "".join(f"{line}, {n % 7} times.\n" for n, line in enumerate(lines))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The folder of texts and of the tasks made from what training holds out of it."""
    place = tmp_path_factory.mktemp("harness")
    (place / "texts").mkdir()
    for seed in range(5):
        (place / "texts" / f"{seed}.txt").write_text(sentences(seed), encoding="utf-8")
    told = ["--data", str(place / "texts"), "--count", str(COUNT), "-o", str(place / "tasks")]
    assert held_out.main(told) == 0
    for path in (place / "tasks").glob("*.yaml"):  # datasets keeps what it has read in the home
        task = json.loads(path.read_text())
        task["dataset_kwargs"]["cache_dir"] = str(place / "cache")
        path.write_text(json.dumps(task))
    return place


@pytest.fixture(scope="module", params=[("gpt", "bytes"), ("ngpt", "bytes"), ("ngpt", "bpe")])
def run(request, place):
    """The folder of a run that has learnt a little of the text."""
    architecture, kind = request.param
    folder = place / f"{architecture}-{kind}"
    data = load_text([place / "texts"], kind, KINDS[kind])
    shape = {"vocab_size": KINDS[kind], "context_length": CONTEXT}
    training = {"steps": 80, "batch_size": 16, "learning_rate": RATE[architecture]}
    train(
        make_config(architecture, **shape),
        make_train_config(validation_every=80, **training),
        data,
        folder,
        show_progress=False,
    )
    return folder


def evaluated(run, place, *more, tasks=TASKS):
    """Run the command, and return the rows of its CSV by task and metric."""
    told = [str(run), "--task-folder", str(place / "tasks"), "--tasks", *tasks, "--device", "cpu"]
    out = place / "results" / "downstream_tasks.csv"
    assert main([*told, "-o", str(out), *more]) == 0
    with out.open(newline="") as file:
        return {(row["task"], row["metric"]): row for row in csv.DictReader(file)}


def documents(place, task):
    return [json.loads(line) for line in (place / "tasks" / f"{task}.jsonl").open()]


def split(words, context, continuation):
    """Return the ids of a context, and those that the continuation adds to them."""
    before = words.encode_text(context)
    return before, words.encode_text(context + continuation)[len(before) :]


def is_close(row, wanted, condition=1.0):
    """Float32 log-likelihoods of at most some dozen tokens each: see `test_scoring`."""
    return float(row["value"]) == pytest.approx(wanted, rel=2000 * EPS * condition)


def bits_per_byte(place, plain, count=COUNT):
    texts = [each["text"] for each in documents(place, "rolling")[:count]]
    found = {text: plain.rolling(plain.words.encode_text(text)) for text in set(texts)}
    nats = -sum(found[text] for text in texts)
    return nats / math.log(2) / sum(len(text.encode()) for text in texts)


def test_answers_are_those_of_the_equations(run, place):
    plain, rows = Plain(run), evaluated(run, place)
    assert set(rows) == {
        *(("cloze", metric) for metric in ("acc", "perplexity")),
        *(("next_line", metric) for metric in ("acc", "acc_norm")),
        ("rolling", "bits_per_byte"),
    }
    said = [
        plain.score(*split(plain.words, each["context"], " " + each["word"]))
        for each in documents(place, "cloze")
    ]
    right = [float(greedy) for _, greedy in said]
    assert is_close(rows["cloze", "acc"], statistics.mean(right))
    error = statistics.stdev(right) / math.sqrt(COUNT)
    assert float(rows["cloze", "acc"]["standard_error"]) == pytest.approx(error)
    mean = statistics.mean(log_p for log_p, _ in said)
    assert is_close(rows["cloze", "perplexity"], math.exp(-mean), abs(mean))

    likely, per_character = [], []
    for each in documents(place, "next_line"):
        found = [
            plain.score(*split(plain.words, each["context"], choice))[0]
            for choice in each["choices"]
        ]
        lengths = [len(choice) for choice in each["choices"]]
        likely.append(int(np.argmax(found)) == each["label"])
        per_character.append(int(np.argmax(np.divide(found, lengths))) == each["label"])
    assert is_close(rows["next_line", "acc"], statistics.mean(likely))
    assert is_close(rows["next_line", "acc_norm"], statistics.mean(per_character))

    assert is_close(rows["rolling", "bits_per_byte"], bits_per_byte(place, plain))


def test_rows_say_what_they_are_of(run, place, capsys):
    rows = evaluated(run, place, "--limit", "5")
    told = {name: {row[name] for row in rows.values()} for name in rows["cloze", "acc"]}
    assert told["run"] == {run.name}
    assert told["family"] == {"nGPT" if run.name.startswith("ngpt") else "GPT"}
    assert told["documents"] == {"5"}
    assert told["shots"] == {"0"}
    assert (told["step"], told["steps"]) == ({"80"}, {"80"})
    assert told["tokens"] == {str(80 * 16 * CONTEXT)}
    chances = {key: row["chance"] for key, row in rows.items() if row["chance"]}
    assert chances == {
        ("cloze", "acc"): "0.0",
        ("next_line", "acc"): "0.25",
        ("next_line", "acc_norm"): "0.25",
    }
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == [run.name, "@", "80"]
    assert len(out.splitlines()) == 6
    words = tokenizer_from_json((run / "tokenizer.json").read_text())
    asked = [
        (each["context"], continuation)
        for task in ("cloze", "next_line")
        for each in documents(place, task)[:5]
        for continuation in each.get("choices", [f" {each.get('word')}"])
    ]
    longer = sum(len(words.encode_text(a + b)) > CONTEXT + 1 for a, b in asked)
    said = f"{run.name} @ 80: {longer} of 25 requests are longer than {CONTEXT} tokens"
    assert (said in err) == (longer > 0)
    settings = json.loads((place / "results" / "downstream_tasks.json").read_text())
    assert settings["harness"].startswith("lm_eval 0.4.")
    assert settings["contexts"] == {
        f"{run.name} @ 80": f"{longer} of 25 requests cut to {CONTEXT} tokens"
    }
    assert str(place) not in json.dumps(settings)


def test_more_is_read_where_it_is_asked_for(run, place, capsys):
    rows = evaluated(run, place, "--max-length", "56", "--limit", "1", tasks=["rolling"])
    wanted = bits_per_byte(place, Plain(run, max_length=56), 1)
    assert is_close(rows["rolling", "bits_per_byte"], wanted)
    rows = evaluated(run, place, "--max-length", "400", "--limit", "5", tasks=["cloze"])
    assert "their start is not read" not in capsys.readouterr().err


def test_examples_are_shown_before_a_question(run, place, monkeypatch):
    from reference_model.evaluate.harness import ReferenceLM

    asked = []
    monkeypatch.setattr(
        ReferenceLM,
        "loglikelihood",
        lambda self, requests: [asked.append(each.args[0]) or (0.0, True) for each in requests],
    )
    rows = evaluated(run, place, "--shots", "2", tasks=["cloze"])
    assert rows["cloze", "acc"]["shots"] == "2"
    solved = [f"{each['context']} {each['word']}" for each in documents(place, "cloze")]
    for each, context in zip(documents(place, "cloze"), asked, strict=True):
        assert context.endswith("\n\n" + each["context"])
        assert sum(example in context for example in solved) >= 2


def said_by(place, run, **told):
    """Make a task of greedy texts whose answers are those of the equations, but for the last."""
    plain = Plain(run)
    asked = ["The cat", "My dog eats the", "É"]
    most, stops = told.get("max_gen_toks", 8), told.get("until", [])
    texts = [plain.say(plain.words.encode_text(each), most, stops) for each in asked]
    rows = [
        {"context": each, "text": text} for each, text in zip(asked, [*texts[:2], "?"], strict=True)
    ]
    (place / "tasks" / "said.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    task = {
        "task": "said",
        "dataset_path": "json",
        "dataset_kwargs": {
            "data_files": {"test": str(place / "tasks" / "said.jsonl")},
            "cache_dir": str(place / "cache"),
        },
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{context}}",
        "doc_to_target": "{{text}}",
        "generation_kwargs": {"until": stops, "max_gen_toks": most, **told},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    (place / "tasks" / "said.yaml").write_text(json.dumps(task))
    return texts


@pytest.mark.parametrize("until", [["\n\n\n"], ["e", " t"]])
def test_greedy_texts_are_those_of_the_equations(run, place, until):
    said_by(place, run, until=until)
    rows = evaluated(run, place, tasks=["said"])
    assert float(rows["said", "exact_match"]["value"]) == pytest.approx(2 / 3)
    assert rows["said", "exact_match"]["chance"] == ""


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"do_sample": True, "temperature": 0.7}, "a task asks for random text"),
        ({"max_gen_toks": CONTEXT}, f"asks for {CONTEXT} new tokens, and {CONTEXT} are read"),
    ],
)
def test_texts_that_are_not_made(run, place, capsys, told, message):
    said_by(place, run, **told)
    arguments = [str(run), "--task-folder", str(place / "tasks"), "--tasks", "said"]
    assert main([*arguments, "-o", str(place / "no.csv")]) == 2
    assert message in capsys.readouterr().err
    assert not (place / "no.csv").exists()


def test_a_task_that_is_not_there_is_one_line(run, place, capsys):
    arguments = [str(run), "--task-folder", str(place / "tasks"), "--tasks", "nothing"]
    assert main([*arguments, "-o", str(place / "no.csv")]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: task 'nothing' cannot be loaded")
    assert "has cloze, next_line, rolling" in last


def test_two_checkpoints_of_one_name_are_refused(run, place, capsys):
    arguments = [str(run), str(run), "--task-folder", str(place / "tasks"), "--tasks", "rolling"]
    assert main([*arguments, "-o", str(place / "no.csv"), "--limit", "1"]) == 2
    assert f"there is another {run.name} @ 80 already" in capsys.readouterr().err
