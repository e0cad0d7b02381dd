"""Whisper by faster-whisper and CTranslate2: windows in, words with media times out.

Two levers, each measured (benchmarks/README.md):

* **Short windows.** Whisper was trained on 30 s, but CTranslate2 accepts any shorter spectrogram, and the
  encoder's cost grows faster than the length. A window is as long as its audio and a margin of silence, at
  least six seconds, below which the text starts to repeat itself. Only when a final's text looks like a loop
  is it decoded again in the full 30 s.
* **Batches.** The decoder spends its time on reading its weights; several windows read them together.

Finals are decoded with a beam of five when there is time, greedily when windows wait; partials greedily and
with a token cap, because speech cut in the middle of a word invites loops.

This is the only module that imports faster-whisper and CTranslate2, and it does so when a transcriber is
made.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from koemori.models.catalog import identify_model
from koemori.models.errors import TranscriptionError
from koemori.models.ports import Effort, TranscriptionRequest
from koemori.models.trim import read_trim_note
from koemori.models.types import Hypothesis, Word, WorkTime
from koemori.models.whisper_words import (
    TokenTimes,
    aligned_times,
    proportional_times,
    words_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
_FRAME_SAMPLES = 160
_FRAMES_PER_TOKEN_STEP = 2
_MOST_FRAMES = 3000
_MOST_PROMPT_TOKENS = 100
_MOST_TOKENS = 448


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
        least_final_window_ms: Shortest spectrogram of a final; at six seconds, answers of one second were
            now and then said twice.
        margin_ms: Silence after the audio, at least.
        tokens_per_second: With `tokens_margin`, the most tokens a partial may have.
        final_tokens_per_second: The same for a final; speech has about five.
        tokens_margin: See above.
        timed_partial_ms: From this length on the words of a partial are aligned too, not spread evenly.
        retry_compression_ratio: Above this a final is a loop and is decoded again in 30 s.
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


@dataclass(slots=True)
class _Row:
    """One window on its way through the decoder."""

    request: TranscriptionRequest
    tokens: list[int] = field(default_factory=list)
    times: TokenTimes | None = None
    no_speech_probability: float = 0.0
    mean_log_probability: float = 0.0
    text: str = ""

    @property
    def length_ms(self) -> int:
        return len(self.request.segment.samples) * 1000 // SAMPLE_RATE_HZ

    @property
    def audio_frames(self) -> int:
        frames = len(self.request.segment.samples) // _FRAME_SAMPLES
        return min(max(_FRAMES_PER_TOKEN_STEP, frames), _MOST_FRAMES)

    @property
    def compression_ratio(self) -> float:
        raw = self.text.encode()
        return len(raw) / len(zlib.compress(raw))


class WhisperTranscriber:
    """A `Transcriber` over one CTranslate2 model; for one thread at a time.

    Args:
        path: A CTranslate2 Whisper folder, as `ensure_model` returns it.
        config: How windows are cut and decoded.

    Raises:
        TranscriptionError: The folder is not a model that CTranslate2 can load on the device.
    """

    def __init__(self, path: Path, config: WhisperConfig | None = None) -> None:
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
        self._model = self._whisper.model if note is None else _Trimmed(self._whisper.model, note.kept)
        self._multilingual = self._whisper.model.is_multilingual or note is not None
        self._make_tokenizer = Tokenizer
        self._tokenizers: dict[str, Any] = {}
        self._suppressed = list(get_suppressed_tokens(self._tokenizer("ja"), [-1]))

    def transcribe(
        self, batch: Sequence[TranscriptionRequest], effort: Effort = Effort.FULL
    ) -> list[Hypothesis]:
        """Transcribe windows together; see `Transcriber`."""
        try:
            answers: dict[int, Hypothesis] = {}
            for language in {request.language for request in batch}:
                places = [place for place, request in enumerate(batch) if request.language == language]
                heard = self._transcribe([batch[place] for place in places], language, effort)
                answers.update(zip(places, heard, strict=True))
            return [answers[place] for place in range(len(batch))]
        except (RuntimeError, ValueError, IndexError) as failure:
            raise TranscriptionError(f"expected a hypothesis; {type(failure).__name__} came") from failure

    def _transcribe(
        self, requests: list[TranscriptionRequest], language: str, effort: Effort
    ) -> list[Hypothesis]:
        rows = [_Row(request) for request in requests]
        began_s = time.perf_counter()
        encoded = self._encode(rows, max(self._window_frames(row) for row in rows))
        encoded_s = time.perf_counter()
        if not language:
            language = self._detect(encoded)
        tokenizer = self._tokenizer(language)
        self._generate(rows, encoded, tokenizer, effort)
        self._time_words(rows, encoded, tokenizer)
        for row in rows:
            if row.request.final and row.compression_ratio > self._config.retry_compression_ratio:
                self._decode_again(row, tokenizer)
        decoded_s = time.perf_counter()
        work = WorkTime(0, round((encoded_s - began_s) * 1000), round((decoded_s - encoded_s) * 1000))
        return [self._hypothesis(row, language, work, tokenizer) for row in rows]

    def _tokenizer(self, language: str) -> Any:
        if language not in self._tokenizers:
            self._tokenizers[language] = self._make_tokenizer(
                self._whisper.hf_tokenizer,
                self._multilingual,
                task="transcribe",
                language=language,
            )
        return self._tokenizers[language]

    def _detect(self, encoded: Any) -> str:
        """Language of the first window; a batch without a language is one call's."""
        name: str = self._whisper.model.detect_language(encoded)[0][0][0]
        return name.strip("<|>")

    def _window_frames(self, row: _Row) -> int:
        least_ms = self._config.least_final_window_ms if row.request.final else self._config.least_window_ms
        window_ms = max(least_ms, row.length_ms + self._config.margin_ms)
        return min(window_ms // 10, _MOST_FRAMES)

    def _encode(self, rows: list[_Row], frames: int) -> Any:
        mels = np.stack([self._spectrogram(row.request.segment.samples, frames) for row in rows])
        return self._whisper.encode(mels)

    def _spectrogram(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        padded = np.zeros(frames * _FRAME_SAMPLES, dtype=np.float32)
        kept = samples[: len(padded)]
        padded[: len(kept)] = kept
        mel = self._whisper.feature_extractor(padded, padding=0)
        return np.ascontiguousarray(mel[:, :frames], dtype=np.float32)

    def _generate(self, rows: list[_Row], encoded: Any, tokenizer: Any, effort: Effort) -> None:
        full = effort is Effort.FULL and all(row.request.final for row in rows)
        starts = [self._prompt(row.request, tokenizer) for row in rows]
        wanted = [self._most_tokens(row) for row in rows]
        # The recogniser generates at most half of `max_length`, and no more than it leaves after the prompt.
        most = max(max(2 * count, count + len(start)) for count, start in zip(wanted, starts, strict=True))
        results = self._model.generate(
            encoded,
            starts,
            beam_size=self._config.beam_size if full else 1,
            max_length=min(_MOST_TOKENS, most),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
        )
        for row, count, result in zip(rows, wanted, results, strict=True):
            came = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
            row.tokens = came[:count]
            row.text = tokenizer.decode(row.tokens)
            row.no_speech_probability = float(result.no_speech_prob)
            row.mean_log_probability = float(result.scores[0]) * len(came) / (len(came) + 1)

    def _prompt(self, request: TranscriptionRequest, tokenizer: Any) -> list[int]:
        before: list[int] = []
        if request.prompt:
            before = [tokenizer.sot_prev, *tokenizer.encode(request.prompt)[-_MOST_PROMPT_TOKENS:]]
        return [*before, *tokenizer.sot_sequence, tokenizer.no_timestamps]

    def _most_tokens(self, row: _Row) -> int:
        config = self._config
        rate = config.final_tokens_per_second if row.request.final else config.tokens_per_second
        return row.length_ms * rate // 1000 + config.tokens_margin

    def _time_words(self, rows: list[_Row], encoded: Any, tokenizer: Any) -> None:
        """Finals, and partials so long that they will soon be cut between two of their words."""
        timed_ms = self._config.timed_partial_ms
        given = [row.tokens if row.request.final or row.length_ms >= timed_ms else [] for row in rows]
        if not any(given):
            return
        for row, tokens, found in zip(rows, given, self._align(rows, given, encoded, tokenizer), strict=True):
            if tokens:
                row.times = aligned_times(found)

    def _align(self, rows: list[_Row], tokens: list[list[int]], encoded: Any, tokenizer: Any) -> Any:
        """Probability and time of each token by the attention weights, as Whisper's own time stamps do it."""
        frames = [row.audio_frames for row in rows]
        return self._model.align(encoded, tokenizer.sot_sequence, tokens, frames)

    def _decode_again(self, row: _Row, tokenizer: Any) -> None:
        """A loop: decode it alone, afresh, in the window Whisper was trained on."""
        encoded = self._encode([row], _MOST_FRAMES)
        self._generate([row], encoded, tokenizer, Effort.FULL)
        self._time_words([row], encoded, tokenizer)

    def _hypothesis(self, row: _Row, language: str, work: WorkTime, tokenizer: Any) -> Hypothesis:
        words = self._words(row, tokenizer)
        return Hypothesis(
            words=words,
            text="".join(word.text for word in words),
            language=language,
            audio_end_ms=row.request.segment.end_ms,
            model_id=self.model_id,
            no_speech_probability=row.no_speech_probability,
            mean_log_probability=row.mean_log_probability,
            compression_ratio=row.compression_ratio,
            work=work,
        )

    def _words(self, row: _Row, tokenizer: Any) -> tuple[Word, ...]:
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


class _Trimmed:
    """A trimmed model behind the token numbers of its source, which tokenizers know."""

    def __init__(self, model: Any, kept: Sequence[int]) -> None:
        self._model = model
        self._kept = kept
        self._place = {number: index for index, number in enumerate(kept)}

    def generate(
        self, encoded: Any, prompts: list[list[int]], *, suppress_tokens: list[int], **options: Any
    ) -> list[_Generated]:
        suppressed = [self._place[token] for token in suppress_tokens if token in self._place]
        results = self._model.generate(
            encoded, [self._placed(prompt) for prompt in prompts], suppress_tokens=suppressed, **options
        )
        return [
            _Generated(
                [[self._kept[token] for token in sequence] for sequence in result.sequences_ids],
                result.scores,
                result.no_speech_prob,
            )
            for result in results
        ]

    def align(self, encoded: Any, start: Sequence[int], tokens: list[list[int]], frames: list[int]) -> Any:
        return self._model.align(encoded, self._placed(start), [self._placed(row) for row in tokens], frames)

    def _placed(self, tokens: Sequence[int]) -> list[int]:
        """Numbers in the trimmed model; a prompt's words in other scripts are left out."""
        return [self._place[token] for token in tokens if token in self._place]


@dataclass(frozen=True, slots=True)
class _Generated:
    sequences_ids: list[list[int]]
    scores: list[float]
    no_speech_prob: float
