"""What a model folder holds is told without loading it, and a wrong one is refused in words."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from koemori.models.errors import ModelFormatError
from koemori.models.model_folder import folder_digest, inspect_model, recogniser_files

from tests.fakes.whisper_folder import whisper_weights, write_whisper_folder

pytestmark = pytest.mark.unit


def test_the_shape_of_a_model_is_read_from_its_weights(tmp_path: Path) -> None:
    facts = inspect_model(write_whisper_folder(tmp_path / "m", mel_bands=128, vocabulary=51866))
    assert (facts.mel_bands, facts.vocabulary, facts.multilingual) == (128, 51866, True)
    assert (facts.encoder_layers, facts.decoder_layers, facts.width) == (2, 2, 4)
    assert facts.matrix_parameters == 51866 * 4 + 4 * 128 * 3 + 4 * 16
    assert facts.other_parameters == 5
    assert facts.size_bytes == (tmp_path / "m" / "model.bin").stat().st_size


def test_an_english_only_model_is_told_by_its_vocabulary(tmp_path: Path) -> None:
    facts = inspect_model(write_whisper_folder(tmp_path / "m", vocabulary=51864))
    assert not facts.multilingual
    assert facts.describe().startswith("English only")


def test_memory_follows_the_compute_type(tmp_path: Path) -> None:
    facts = inspect_model(write_whisper_folder(tmp_path / "m"))
    matrix, other = facts.matrix_parameters, facts.other_parameters
    assert facts.weight_bytes("int8") == matrix + 4 * other
    assert facts.weight_bytes("int8_float16") == matrix + 2 * other
    assert facts.weight_bytes("float16") == 2 * matrix + 2 * other
    assert facts.weight_bytes("float32") == 4 * matrix + 4 * other


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _checkpoint(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "model.bin").rename(folder / name)

    return change


def _cut(folder: Path) -> None:
    path = folder / "model.bin"
    path.write_bytes(path.read_bytes()[:3000])


def _translation(folder: Path) -> None:
    (folder / "model.bin").write_bytes(whisper_weights(spec="TransformerSpec"))


def _text(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"<html>please log in</html>" * 100)


def _empty(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"")


def _tall(folder: Path) -> None:
    (folder / "model.bin").write_bytes(whisper_weights(mel_bands=128))


def _short_and_tall(folder: Path) -> None:
    _tall(folder)
    (folder / "preprocessor_config.json").write_text('{"feature_size": 80}')


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_without("config.json"), r"expected config\.json beside model\.bin .*; got none"),
        (_without("tokenizer.json"), r"expected tokenizer\.json .*copy it from the original"),
        (_without("vocabulary.json"), r"expected vocabulary\.json or vocabulary\.txt"),
        (_checkpoint("model.safetensors"), "got a Transformers checkpoint; convert it: ct2-transformers"),
        (_checkpoint("ggml-base.bin"), r"got a whisper\.cpp model"),
        (_checkpoint("base.pt"), "got a PyTorch checkpoint"),
        (_checkpoint("snapshots"), "got a hub cache; name the folder below snapshots"),
        (_checkpoint("weights"), r"got no model\.bin"),
        (_cut, r"expected \d+ bytes or more; got 3000: it is cut off"),
        (_translation, "expected a Whisper model; got a CTranslate2 model of kind TransformerSpec"),
        (_text, "expected weights written by CTranslate2; got something else"),
        (_empty, "expected weights written by CTranslate2; got something else"),
        (_tall, r"feature_size 128, as model\.bin wants it; got no such file"),
        (_short_and_tall, "got feature_size 80"),
    ],
)
def test_a_folder_that_is_no_whole_whisper_model_is_one_helpful_sentence(
    tmp_path: Path, change: Callable[[Path], None], sentence: str
) -> None:
    folder = write_whisper_folder(tmp_path / "m")
    change(folder)
    with pytest.raises(ModelFormatError, match=sentence):
        inspect_model(folder)


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFormatError, match="expected a folder; got a file"):
        inspect_model(tmp_path / "file")
    with pytest.raises(ModelFormatError, match="expected a folder; got nothing there"):
        inspect_model(tmp_path / "absent")


def test_the_digest_of_a_folder_is_what_the_shell_computes_and_covers_every_file(tmp_path: Path) -> None:
    folder = write_whisper_folder(tmp_path / "m")
    listing = subprocess.run(
        ["sha256sum", *recogniser_files(folder)], cwd=folder, capture_output=True, check=True
    ).stdout
    before = folder_digest(folder)
    assert before == hashlib.sha256(listing).hexdigest()
    (folder / "README.md").write_text("no say in what is recognised")
    assert folder_digest(folder) == before
    (folder / "vocabulary.json").write_bytes(b'["other"]')
    assert folder_digest(folder) != before
