"""Texts of tokens from the files beside a checkpoint, whatever those hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngpt_inspect.tokens import token_texts
from ngpt_inspect.tokens.pieces import pieces

WORDS = ["the", " the", "théâtre", "a\n\n  b", "漢字", "🙂", "tab\t", "x" * 30]


def write(folder, tokenizer):
    folder.mkdir(parents=True, exist_ok=True)
    text = tokenizer if isinstance(tokenizer, str) else json.dumps(tokenizer)
    (folder / "tokenizer.json").write_text(text)
    return folder / "model.safetensors"


def byte_level():
    """Train a byte-level BPE with the library that users train with."""
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|end of text|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(WORDS * 4, trainer)
    return tokenizer


def test_byte_level_pieces_are_the_bytes_the_library_decodes():
    tokenizer = byte_level()
    found = pieces(json.loads(tokenizer.to_str()))
    assert len(found) == tokenizer.get_vocab_size()
    assert sorted(piece for piece in found.values() if len(piece) == 1 and piece != "") == [
        bytes([value]) for value in range(256)
    ]
    for number, piece in found.items():
        if number == 0:
            assert piece == "<|end of text|>"
        else:
            assert piece.decode(errors="replace") == tokenizer.decode([number])
    for word in WORDS:
        ids = tokenizer.encode(word).ids
        assert b"".join(found[number] for number in ids).decode() == word


def test_sentencepiece_like_pieces():
    decoder = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
        ],
    }
    vocab = [["<unk>", 0.0], ["<0x0A>", 0.0], ["<0xE6>", 0.0], ["▁the", -1.5], ["a▁b", -2.0]]
    tokenizer = {"model": {"type": "Unigram", "vocab": vocab}, "decoder": decoder}
    assert pieces(tokenizer) == {0: "<unk>", 1: b"\n", 2: b"\xe6", 3: " the", 4: "a b"}
    del tokenizer["decoder"]
    assert pieces(tokenizer)[3] == "▁the"
    tokenizer["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁"}
    assert pieces(tokenizer)[3] == " the"


def test_added_tokens_are_what_is_written():
    tokenizer = {
        "model": {"vocab": {"Ġa": 0, "b": 1}},
        "decoder": {"type": "ByteLevel"},
        "added_tokens": [{"id": 1, "content": "Ġ<pad>"}, {"id": 7, "content": " x"}],
    }
    assert pieces(tokenizer) == {0: b" a", 1: "Ġ<pad>", 7: " x"}


def test_the_bytes_of_the_reference_model(tmp_path):
    from reference_model.data.tokens import ByteTokenizer

    texts = token_texts(write(tmp_path, ByteTokenizer().to_json()))
    assert (len(texts), texts[ord("a")], texts[0x20], texts[0xFF]) == (256, "a", "␣", r"\xff")
    assert texts[256] == ""


def test_beside_then_above_else_none_and_why(tmp_path):
    run = tmp_path / "runs" / "gpt"
    run.mkdir(parents=True)
    source = run / "step-000100.safetensors"
    none = token_texts(source)
    assert len(none) == 0
    assert none.why_none == (
        "no tokenizer.json beside step-000100.safetensors or in the folder above"
    )
    write(run.parent, {"model": {"vocab": {"above": 0}}})
    assert token_texts(source)[0] == token_texts(run)[0] == "above"
    write(run, {"model": {"vocab": {"beside": 0}}})
    assert token_texts(source)[0] == "beside"
    assert token_texts(run)[0] == "beside"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1, 2]",
        "null",
        "\x00\xff",
        "[" * 100_000,
        '{"model": ' * 50_000,
        '{"model": {"vocab": {"a": 0, "a": 1}}}',
        '{"model": null}',
        '{"model": {"vocab": {"a": "0", "b": true, "c": -1, "d": 1e300, "e": 99999999999}}}',
        '{"model": {"vocab": [[], 3, null, [1]]}}',
        '{"added_tokens": [{"id": 1, "content": "x"}]}',
    ],
)
def test_a_broken_tokenizer_gives_none_and_why(tmp_path, text):
    texts = token_texts(write(tmp_path, text))
    assert len(texts) == 0
    assert "tokenizer.json" in texts.why_none
    assert "\n" not in texts.why_none
    assert len(texts.why_none) < 600


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "vocab", "decoders", "content", "id", "pattern", "a"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.fixed_dictionaries({"model": JSON, "decoder": JSON, "added_tokens": JSON}))
def test_no_parsed_json_breaks_it(tokenizer):
    for number, piece in pieces(tokenizer).items():
        assert number >= 0
        assert isinstance(piece, bytes | str)


def test_search(tmp_path):
    vocab = {"Ġthe": 0, "the": 1, "Ġother": 2, "Ċ": 3, "12": 4, "\\": 5, "Ġthem": 6}
    tokenizer = {"model": {"vocab": vocab}, "decoder": {"type": "ByteLevel"}}
    texts = token_texts(write(tmp_path, tokenizer))
    assert texts.find(" the") == texts.find("␣the") == [0, 6]
    assert texts.find("the") == [1, 0, 6, 2]
    assert texts.find("\n") == texts.find(r"\n") == [3]
    assert texts.find("2") == [2]
    assert texts.find("12") == [12, 4]  # the id, and the token of that text
    assert texts.find("nowhere") == texts.find("") == []
    assert texts.find("9" * 5000) == []
