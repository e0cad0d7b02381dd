"""Whisper by faster-whisper and CTranslate2: windows in, words with media times out.

Two levers, each measured (benchmarks/README.md):
* **Short windows.** Whisper was trained on 30 s, but CTranslate2 accepts any shorter spectrogram, and the
  encoder's cost grows faster than the length. A window is as long as its audio and a margin of silence, at
  least six seconds, below which the text starts to repeat itself. Only when a final's text looks like a loop
  is it decoded again in the full 30 s.
* **Batches.** The decoder spends its time on reading its weights; several windows read them together.

Finals are decoded with a beam of five when there is time, greedily when windows wait; partials greedily and
with a token cap, because speech cut in the middle of a word invites loops. In Japanese finals the words of a
vocabulary take the place of words that sound like them, where the audio agrees (`koemori.models.rescoring`).

This alone imports faster-whisper and CTranslate2, and does so when a transcriber is made.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from koemori.models.catalog import identify_model
from koemori.models.errors import TranscriptionError
from koemori.models.ports import Effort, TranscriptionRequest
from koemori.models.rescoring import Rescorer
from koemori.models.scored_words import TextScore, with_vocabulary
from koemori.models.spoken_numbers import READING_PROMPTS, holds_number, with_numbers
from koemori.models.trim import LANGUAGE, read_trim_note
from koemori.models.trimmed_whisper import TrimmedWhisper
from koemori.models.types import Hypothesis, Word, WorkTime
from koemori.models.whisper_rows import (
    FRAME_SAMPLES,
    FRAMES_PER_TOKEN_STEP,
    MOST_FRAMES,
    Row,
    decoded_together,
)
from koemori.models.whisper_words import aligned_times, proportional_times, words_of

if TYPE_CHECKING:
    from pathlib import Path

    from koemori.models.vocabulary import Vocabulary
    from numpy.typing import NDArray

_MOST_PROMPT_TOKENS = 100
_MOST_TOKENS = 448
_MOST_ALIGNED = 16
_FIGURES = re.compile("[0-9A-Za-z]")
_READING_TOKENS = 2
"""A number takes at most about so many times the tokens of its figures when it is written as spoken."""


@dataclass(frozen=True, slots=True)
class WhisperConfig:
    """How windows are cut and decoded.

    Attributes:
        compute_type: CTranslate2 weight type; `int8` on CPU, `float16` on CUDA.
        device: `cpu` or `cuda`.
        device_index: Which GPU; 0 on a CPU.
        threads: Threads per window; two gain nothing on short windows.
        beam_size: Beam of finals with full effort; everything else is greedy.
        least_window_ms: Shortest spectrogram.
        least_final_window_ms: Shortest spectrogram of a final with full effort: at six seconds the beam now
            and then says answers of one second twice, greedy decoding does not.
        margin_ms: Silence after the audio, at least.
        tokens_per_second: With `tokens_margin`, the most tokens a partial may have.
        final_tokens_per_second: The same for a final; speech has about five.
        tokens_margin: See above.
        timed_partial_ms: From this length on the words of a partial are aligned too, not spread evenly.
        retry_compression_ratio: Above this a final is a loop and is decoded again in 30 s.
        reads_numbers: Whether Japanese finals with numbers in them are decoded again as spoken
            (`koemori.models.spoken_numbers`), when there is time.
    """

    compute_type: str = "int8"
    device: str = "cpu"
    device_index: int = 0
    threads: int = 1
    beam_size: int = 5
    least_window_ms: int = 6000
    least_final_window_ms: int = 8000
    margin_ms: int = 1000
    tokens_per_second: int = 9
    final_tokens_per_second: int = 15
    tokens_margin: int = 8
    timed_partial_ms: int = 9000
    retry_compression_ratio: float = 2.4
    reads_numbers: bool = True


class WhisperTranscriber:
    """A `Transcriber` over one CTranslate2 model; for one thread at a time.

    Args:
        path: A CTranslate2 Whisper folder, as `ensure_model` returns it.
        config: How windows are cut and decoded.
        vocabulary: Words that take the place of words alike in sound in Japanese finals, where the audio
            agrees; None compares nothing and loads no dictionary.

    Raises:
        TranscriptionError: The folder is not a model that CTranslate2 can load on the device.
    """

    def __init__(
        self, path: Path, config: WhisperConfig | None = None, vocabulary: Vocabulary | None = None
    ) -> None:
        # Must be set before the libraries start their thread pools.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        self._config = config or WhisperConfig()
        self.model_id = identify_model(path).tag(self._config.compute_type)
        try:
            self._whisper = WhisperModel(
                str(path),
                device=self._config.device,
                device_index=self._config.device_index,
                compute_type=self._config.compute_type,
                cpu_threads=self._config.threads,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as failure:
            raise TranscriptionError(
                f"model folder {path}: expected a CTranslate2 Whisper model that {self._config.device} can "
                f"run as {self._config.compute_type}; loading it failed"
            ) from failure
        note = read_trim_note(path)
        self._token_text: Callable[[int], str] = self._whisper.hf_tokenizer.id_to_token
        self._trimmed = (
            None if note is None else TrimmedWhisper(self._whisper.model, note.kept, self._token_text)
        )
        self._model = self._trimmed or self._whisper.model
        self._multilingual = self._whisper.model.is_multilingual or note is not None
        self._make_tokenizer = Tokenizer
        self._tokenizers: dict[str, Any] = {}
        self._suppressed = list(get_suppressed_tokens(self._tokenizer("ja"), [-1]))
        self._figures = self._tokens_of_figures(self._tokenizer("ja").eot)
        self._rescorer = None if vocabulary is None else _ready_rescorer(vocabulary)

    def transcribe(
        self, batch: Sequence[TranscriptionRequest], effort: Effort = Effort.FULL
    ) -> list[Hypothesis]:
        """Transcribe windows together; see `Transcriber`."""
        try:
            answers: dict[int, Hypothesis] = {}
            for places in decoded_together(batch):
                heard = self._transcribe([batch[place] for place in places], effort)
                answers.update(zip(places, heard, strict=True))
            return [answers[place] for place in range(len(batch))]
        except (RuntimeError, ValueError, IndexError) as failure:
            raise TranscriptionError(f"expected a hypothesis; {type(failure).__name__} came") from failure

    def _transcribe(self, requests: list[TranscriptionRequest], effort: Effort) -> list[Hypothesis]:
        rows = [Row(request) for request in requests]
        began_s = time.perf_counter()
        frames = max(self._window_frames(row, effort) for row in rows)
        encoded = self._encode(rows, frames)
        encoded_s = time.perf_counter()
        language = requests[0].language or self._detect(encoded)
        tokenizer = self._tokenizer(language)
        self._decode(rows, encoded, tokenizer, effort)
        decoded_s = time.perf_counter()
        work = WorkTime(round((encoded_s - began_s) * 1000), round((decoded_s - encoded_s) * 1000))
        return [self._hypothesis(row, language, work) for row in rows]

    def _tokenizer(self, language: str) -> Any:
        if language not in self._tokenizers:
            tokenizer = self._whisper.hf_tokenizer
            self._tokenizers[language] = self._make_tokenizer(
                tokenizer, self._multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]

    def _tokens_of_figures(self, count: int) -> list[int]:
        """Tokens of text that hold a figure or a Latin letter; the first `count` tokens are of text."""
        return [token for token in range(count) if _FIGURES.search(self._token_text(token) or "")]

    def _detect(self, encoded: Any) -> str:
        """Language of the first window."""
        name: str = self._whisper.model.detect_language(encoded)[0][0][0]
        return name.strip("<|>")

    def _window_frames(self, row: Row, effort: Effort) -> int:
        careful = row.request.final and effort is Effort.FULL
        least_ms = self._config.least_final_window_ms if careful else self._config.least_window_ms
        window_ms = max(least_ms, row.length_ms + self._config.margin_ms)
        return min(window_ms // 10, MOST_FRAMES)

    def _encode(self, rows: list[Row], frames: int) -> Any:
        mels = np.stack([self._spectrogram(row.request.segment.samples, frames) for row in rows])
        return self._whisper.encode(mels)

    def _spectrogram(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        padded = np.zeros(frames * FRAME_SAMPLES, dtype=np.float32)
        kept = samples[: len(padded)]
        padded[: len(kept)] = kept
        mel = self._whisper.feature_extractor(padded, padding=0)
        return np.ascontiguousarray(mel[:, :frames], dtype=np.float32)

    def _decode(self, rows: list[Row], encoded: Any, tokenizer: Any, effort: Effort) -> None:
        """Words of each row; a loop is decoded alone, afresh, in the window Whisper was trained on."""
        self._write(rows, encoded, tokenizer, effort)
        most = self._config.retry_compression_ratio
        loops = [row for row in rows if row.request.final and row.compression_ratio > most]
        whole = [place for place, row in enumerate(rows) if row not in loops]
        self._take_vocabulary(rows, whole, encoded, tokenizer)
        if effort is Effort.FULL and self._config.reads_numbers and tokenizer.language_code == LANGUAGE:
            for place in whole:
                self._read_numbers(rows, place, encoded, tokenizer)
        for row in loops:
            encoded = self._encode([row], MOST_FRAMES)
            self._write([row], encoded, tokenizer, Effort.FULL)
            self._take_vocabulary([row], [0], encoded, tokenizer)

    def _write(self, rows: list[Row], encoded: Any, tokenizer: Any, effort: Effort) -> None:
        self._generate(rows, encoded, tokenizer, effort)
        self._time_words(rows, encoded, tokenizer)
        for row in rows:
            row.words = self._words(row, tokenizer)

    def _generate(self, rows: list[Row], encoded: Any, tokenizer: Any, effort: Effort) -> None:
        full = effort is Effort.FULL and all(row.request.final for row in rows)
        starts = [self._prompt(row.request, tokenizer) for row in rows]
        wanted = [self._most_tokens(row) for row in rows]
        beam_size = self._config.beam_size if full else 1
        results = self._continued(encoded, starts, wanted, beam_size, self._suppressed)
        for row, count, result in zip(rows, wanted, results, strict=True):
            came = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
            row.tokens = came[:count]
            row.text = tokenizer.decode(row.tokens)
            row.no_speech_probability = float(result.no_speech_prob)
            row.mean_log_probability = float(result.scores[0]) * len(came) / (len(came) + 1)

    def _continued(
        self, encoded: Any, starts: list[list[int]], wanted: list[int], beam_size: int, suppressed: list[int]
    ) -> Any:
        # The recogniser generates at most half of `max_length`, and no more than it leaves after the prompt.
        most = max(max(2 * count, count + len(start)) for count, start in zip(wanted, starts, strict=True))
        return self._model.generate(
            encoded,
            starts,
            beam_size=beam_size,
            max_length=min(_MOST_TOKENS, most),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=suppressed,
        )

    def _prompt(self, request: TranscriptionRequest, tokenizer: Any) -> list[int]:
        before: list[int] = []
        if request.prompt:
            before = [tokenizer.sot_prev, *tokenizer.encode(request.prompt)[-_MOST_PROMPT_TOKENS:]]
        return [*before, *tokenizer.sot_sequence, tokenizer.no_timestamps]

    def _most_tokens(self, row: Row) -> int:
        config = self._config
        rate = config.final_tokens_per_second if row.request.final else config.tokens_per_second
        return row.length_ms * rate // 1000 + config.tokens_margin

    def _time_words(self, rows: list[Row], encoded: Any, tokenizer: Any) -> None:
        """Finals, and partials so long that they will soon be cut between two of their words."""
        timed_ms = self._config.timed_partial_ms
        given = [row.tokens if row.request.final or row.length_ms >= timed_ms else [] for row in rows]
        if not any(given):
            return
        for row, tokens, found in zip(rows, given, self._align(rows, given, encoded, tokenizer), strict=True):
            if tokens:
                row.times = aligned_times(found)

    def _align(self, rows: list[Row], tokens: list[list[int]], encoded: Any, tokenizer: Any) -> Any:
        """Probability and time of each token by the attention weights, as Whisper's own time stamps do it."""
        frames = [row.audio_frames for row in rows]
        return self._model.align(encoded, tokenizer.sot_sequence, tokens, frames)

    def _take_vocabulary(self, rows: list[Row], places: Sequence[int], encoded: Any, tokenizer: Any) -> None:
        """Put words of the vocabulary into the rows at `places`, where the audio agrees."""
        if self._rescorer is None or tokenizer.language_code != LANGUAGE:
            return
        heard = {place: found for place in places if (found := rows[place].heard) is not None}
        order = list(heard)

        def score(texts: Sequence[tuple[int, str]]) -> list[TextScore]:
            asked = [(order[number], text) for number, text in texts]
            parts = [asked[first : first + _MOST_ALIGNED] for first in range(0, len(asked), _MOST_ALIGNED)]
            return [each for part in parts for each in self._scores(rows, part, encoded, tokenizer)]

        taken = with_vocabulary(self._rescorer, list(heard.values()), score)
        for place, words in zip(order, taken, strict=True):
            rows[place].words = words

    def _read_numbers(self, rows: list[Row], place: int, encoded: Any, tokenizer: Any) -> None:
        """Put numbers as they were spoken into a final that holds some: all readings at once, greedily."""
        row = rows[place]
        if not row.request.final or not holds_number(row.text):
            return
        shown = [tokenizer.encode(text) for text in READING_PROMPTS]
        most_shown = max(map(len, shown))
        begin = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        # The recogniser takes texts before only where all are equally long.
        starts = [[tokenizer.sot_prev, *(shown[-1] + each)[-most_shown:], *begin] for each in shown]
        wanted = [_READING_TOKENS * len(row.tokens) + self._config.tokens_margin] * len(shown)
        copies = self._copies(rows, [place] * len(shown), encoded)
        readings = [Row(row.request) for _ in shown]
        results = self._continued(copies, starts, wanted, 1, [*self._suppressed, *self._figures])
        for reading, result in zip(readings, results, strict=True):
            came = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
            reading.tokens = came[: wanted[0]]
            reading.text = tokenizer.decode(reading.tokens)
        self._time_words(readings, copies, tokenizer)
        row.words = with_numbers(row.words, [self._words(reading, tokenizer) for reading in readings])

    def _scores(
        self, rows: list[Row], asked: list[tuple[int, str]], encoded: Any, tokenizer: Any
    ) -> list[TextScore]:
        """How probable each text is on the audio of its row."""
        same = [rows[place] for place, _ in asked]
        tokens: list[list[int]] = []
        for row, (_, text) in zip(same, asked, strict=True):
            spaces = len(row.text) - len(row.text.lstrip())
            given = tokenizer.encode(row.text[:spaces] + text)
            tokens.append(given if self._trimmed is None else self._trimmed.spelled(given))
        copies = self._copies(rows, [place for place, _ in asked], encoded)
        return [
            # A token's text has one character for each byte.
            TextScore(
                np.array(found.text_token_probs), np.array([len(self._token_text(token)) for token in given])
            )
            for given, found in zip(tokens, self._align(same, tokens, copies, tokenizer), strict=True)
        ]

    def _copies(self, rows: list[Row], places: list[int], encoded: Any) -> Any:
        """Encoder output with a row for each place, so that no row is aligned for nothing."""
        if places == list(range(len(rows))):
            return encoded
        if encoded.device != "cpu":
            # Encoding again takes a GPU less than the way to our memory and back.
            return self._encode([rows[place] for place in places], encoded.shape[1] * FRAMES_PER_TOKEN_STEP)
        return type(encoded).from_array(np.ascontiguousarray(np.asarray(encoded)[places]))

    def _hypothesis(self, row: Row, language: str, work: WorkTime) -> Hypothesis:
        return Hypothesis(
            words=row.words,
            text="".join(word.text for word in row.words),
            language=language,
            audio_end_ms=row.request.segment.end_ms,
            model_id=self.model_id,
            no_speech_probability=row.no_speech_probability,
            mean_log_probability=row.mean_log_probability,
            compression_ratio=row.compression_ratio,
            work=work,
        )

    def _words(self, row: Row, tokenizer: Any) -> tuple[Word, ...]:
        if not row.text.strip():
            return ()
        texts, groups = tokenizer.split_to_word_tokens([*row.tokens, tokenizer.eot])
        groups = groups[:-1]
        times = row.times
        if times is None:
            probability = float(np.exp(row.mean_log_probability))
            times = proportional_times(len(row.tokens), row.length_ms, probability)
        segment = row.request.segment
        return words_of(texts[: len(groups)], [len(group) for group in groups], times, segment)


def _ready_rescorer(vocabulary: Vocabulary) -> Rescorer:
    """The dictionary and the sounds are loaded by a first comparison, so that no call waits for them."""
    rescorer = Rescorer(vocabulary)
    rescorer.candidates("声を聞く", ())
    return rescorer
