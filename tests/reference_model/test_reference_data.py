"""The corpus, its split, its tokens and the batches drawn from them."""

import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reference_model.data.encoded
from reference_model.data import is_bin_folder, load_bins, load_text
from reference_model.data.corpus import Document, read_corpus, split_corpus
from reference_model.data.tokens import BPETokenizer, ByteTokenizer
from reference_model.errors import UsageError

CORPUS = Path(__file__).parents[2].parent / "shared" / "data" / "corpus"

TEXT = "the cat sat on the mat; the dog sat on the log. na\u00efve caf\u00e9 \U0001f600\n"


def test_standard_library_is_read_in_a_fixed_order():
    documents = read_corpus([])
    names = [document.name for document in documents]
    assert names == sorted(names, key=lambda name: Path(name).parts)
    assert len(set(names)) == len(names)
    assert "os.py" in names
    assert "pydoc_data/topics.py" in names
    assert not any("site-packages" in name or name.startswith("encodings/") for name in names)
    assert sum(len(document.text) for document in documents) > 5_000_000


@given(st.sets(st.text("ab/._\u00e9", min_size=1, max_size=6), min_size=20, max_size=60))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
def test_split_holds_out_whole_files_and_loses_none(names):
    documents = [Document(name, name * 2) for name in sorted(names)]
    training, validation = split_corpus(documents)
    assert {d.name for d in training}.isdisjoint(d.name for d in validation)
    assert sorted(d.name for d in training + validation) == sorted(names)
    assert split_corpus(documents) == (training, validation)


def test_split_does_not_depend_on_the_other_files():
    documents = [Document(f"folder/{i}.py", "x") for i in range(400)]
    _, validation = split_corpus(documents)
    _, fewer = split_corpus(documents[:200])
    assert [d for d in validation if d in documents[:200]] == fewer
    assert 8 <= len(validation) <= 40  # about 5 %


def test_few_files_are_cut_at_a_line_instead():
    text = "".join(f"line {i}\n" for i in range(1000))
    training, validation = split_corpus([Document("novel.txt", text)])
    assert training[0].text + validation[0].text == text
    assert training[0].text.endswith("\n")
    assert 0.04 < len(validation[0].text) / len(text) < 0.07


def test_folders_and_packed_files(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("b")
    (tmp_path / "sub" / "a.md.gz").write_bytes(gzip.compress(b"a"))
    (tmp_path / "c.txt.xz").write_bytes(lzma.compress(b"c"))
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    (tmp_path / "latin.txt").write_bytes("\u00e9".encode("latin-1"))
    found = {d.name: d.text for d in read_corpus([tmp_path])}
    assert found == {"b.txt": "b", "c.txt.xz": "c", "sub/a.md.gz": "a"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.txt", None, "cannot be read"),
        ("empty.txt", b"", "the file is empty"),
        ("binary.txt", b"\xff\xfe\x00", "not UTF-8 text"),
        ("broken.txt.xz", b"not xz", "not UTF-8 text"),
    ],
)
def test_unusable_text_is_named(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        read_corpus([tmp_path / name])
    assert str(tmp_path / name) in str(caught.value)


def test_folder_without_text_is_named(tmp_path):
    with pytest.raises(UsageError, match="no text found"):
        read_corpus([tmp_path])


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_bytes_decode_to_the_text(text):
    ids = ByteTokenizer().encode([Document("a", text), Document("b", "x")])
    assert bytes(ids.astype(np.uint8).tolist()) == text.encode() + b"\0x\0"


def test_bpe_decodes_to_the_text():
    pytest.importorskip("tokenizers")
    documents = [Document("a", TEXT * 20)]
    tokenizer = BPETokenizer.train(documents, 280)
    assert tokenizer.vocab_size == 280
    ids = tokenizer.encode([Document("b", TEXT)])
    assert ids[-1] == 0
    assert tokenizer.tokenizer.decode(ids[:-1].tolist()) == TEXT
    assert len(ids) < len(TEXT.encode())


def test_bpe_of_too_short_a_text_says_how_many_entries_it_has():
    pytest.importorskip("tokenizers")
    with pytest.raises(UsageError, match=r"pass --vocab-size \d+ or less"):
        BPETokenizer.train([Document("a", "abc")], 5000)


def test_cache_gives_the_same_tokens_without_encoding(tmp_path, monkeypatch):
    source = tmp_path / "text.txt"
    source.write_text(TEXT * 100, encoding="utf-8")
    first = load_text([source], "bytes", 256, cache=tmp_path / "runs")
    home = reference_model.data.encoded
    monkeypatch.setattr(home, "make_tokenizer", lambda *_: pytest.fail("encoded again"))
    second = load_text([source], "bytes", 256, cache=tmp_path / "runs")
    assert np.array_equal(first.train, second.train)
    assert np.array_equal(first.validation, second.validation)
    assert second.fingerprint == first.fingerprint
    assert second.tokenizer_json == first.tokenizer_json
    assert second.vocab_size == 256


def test_batches_depend_on_seed_and_step_only(data):
    inputs, targets = data.batch(seed=1, step=5, sequences=6, length=12)
    again, _ = data.batch(seed=1, step=5, sequences=6, length=12)
    assert inputs.equal(again)
    assert inputs.shape == targets.shape == (6, 12)
    assert inputs[:, 1:].equal(targets[:, :-1])
    assert not inputs.equal(data.batch(seed=1, step=6, sequences=6, length=12)[0])
    assert not inputs.equal(data.batch(seed=2, step=5, sequences=6, length=12)[0])


def test_every_position_can_be_drawn_and_validation_covers_its_part(data):
    length = len(data.train) - 2
    starts = {data.batch(0, step, 1, length)[0][0, 0].item() for step in range(40)}
    assert starts == {int(data.train[0]), int(data.train[1])}
    inputs, targets = data.validation_batch(4, 30)
    assert inputs[0].tolist() == data.validation[:30].tolist()
    assert targets[-1].tolist() == data.validation[-30:].tolist()


def test_text_too_short_for_the_context_is_refused(data):
    with pytest.raises(UsageError, match="validation part has 200 tokens, too few"):
        data.check_length(500)


def test_nanogpt_folder(tmp_path):
    np.arange(100, dtype=np.uint16).tofile(tmp_path / "train.bin")
    np.arange(50, dtype=np.uint16).tofile(tmp_path / "val.bin")
    (tmp_path / "meta.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")  # would run if unpickled
    assert is_bin_folder([tmp_path])
    data = load_bins(tmp_path)
    assert data.vocab_size == 100
    assert data.batch(0, 1, 2, 10)[0].max() < 100
    assert load_bins(tmp_path, vocab_size=128).vocab_size == 128
    with pytest.raises(UsageError, match="--vocab-size must be at least 100"):
        load_bins(tmp_path, vocab_size=99)
    (tmp_path / "val.bin").write_bytes(b"odd")
    with pytest.raises(UsageError, match="3 bytes are not a list of 16-bit token ids"):
        load_bins(tmp_path)
    (tmp_path / "val.bin").unlink()
    with pytest.raises(UsageError, match=r"val\.bin: missing"):
        load_bins(tmp_path)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus of novels is not at hand")
def test_packed_novel():
    data = load_text([CORPUS / "tinyshakespeare.txt.xz"], "bytes", 256)
    assert 1_000_000 < len(data.train) + len(data.validation) < 1_300_000
    assert bytes(data.train[:5].astype(np.uint8).tolist()) == b"First"
