"""Whisper by faster-whisper and CTranslate2: one window in, words with media times out.

The lever is the length of the window. Whisper was trained on 30 s, but CTranslate2 accepts any shorter
spectrogram, and the encoder's cost grows faster than the length: 6 s cost a sixteenth of 30 s. So a window is
as long as its audio and a margin of silence, never shorter than six seconds, below which the text starts to
repeat itself. Only when a final's text looks like a loop is it decoded again in the full 30 s.

Finals are decoded with a beam of five (measured: CER one point lower than greedy for a third more CPU),
partials greedily and with a token cap, because speech cut in the middle of a word invites loops.
`benchmarks/README.md` has the figures.

This is the only module that imports faster-whisper and CTranslate2, and it does so when a transcriber is
made.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from koemori.models.catalog import identify_model
from koemori.models.errors import TranscriptionError
from koemori.models.ports import TranscriptionRequest
from koemori.models.types import Hypothesis, Word

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
_FRAME_SAMPLES = 160
_FRAMES_PER_TOKEN_STEP = 2
_STEP_MS = 20
_MOST_FRAMES = 3000
_MOST_PROMPT_TOKENS = 100
_MOST_TOKENS = 448


@dataclass(frozen=True, slots=True)
class WhisperConfig:
    """How windows are cut and decoded.

    Attributes:
        compute_type: CTranslate2 weight type; `int8` on CPU.
        device: `cpu` or `cuda`.
        replicas: Windows decoded at the same time. They share one copy of the weights on a CPU: base int8
            takes about 140 MiB, and 25 MiB more for each replica at work.
        threads: Threads per window; two gain nothing on short windows.
        beam_size: Beam of finals; partials are greedy.
        least_window_ms: Shortest spectrogram of a partial.
        least_final_window_ms: Shortest spectrogram of a final; at six seconds, answers of one second were
            now and then said twice.
        margin_ms: Silence after the audio, at least.
        tokens_per_second: With `tokens_margin`, the most tokens a partial may have.
        retry_compression_ratio: Above this a final is a loop and is decoded again in 30 s.
        word_times: Align the words of finals with the audio; partials get times in proportion.
    """

    compute_type: str = "int8"
    device: str = "cpu"
    replicas: int = 1
    threads: int = 1
    beam_size: int = 5
    least_window_ms: int = 6000
    least_final_window_ms: int = 8000
    margin_ms: int = 1000
    tokens_per_second: int = 9
    tokens_margin: int = 8
    retry_compression_ratio: float = 2.4
    word_times: bool = True


@dataclass(frozen=True, slots=True)
class _Decoded:
    tokens: list[int]
    text: str
    encoded: Any
    no_speech_probability: float
    mean_log_probability: float
    compression_ratio: float


class WhisperTranscriber:
    """A `Transcriber` over one CTranslate2 model; may be called from `replicas` threads at once.

    Args:
        path: A CTranslate2 Whisper folder, as `ensure_model` returns it.
        config: How windows are cut and decoded.

    Raises:
        TranscriptionError: The folder is not a model that CTranslate2 can load.
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
                compute_type=self._config.compute_type,
                cpu_threads=self._config.threads,
                num_workers=self._config.replicas,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as failure:
            raise TranscriptionError(
                f"model folder {path}: expected a CTranslate2 Whisper model; loading it failed"
            ) from failure
        self._make_tokenizer = Tokenizer
        self._tokenizers: dict[str, Any] = {}
        self._suppressed = list(get_suppressed_tokens(self._tokenizer("ja"), [-1]))

    def transcribe(self, request: TranscriptionRequest) -> Hypothesis:
        """Transcribe one window; see `Transcriber`."""
        try:
            tokenizer = self._tokenizer(request.language)
            decoded = self._decode(request, tokenizer, self._window_frames(request))
            if request.final and decoded.compression_ratio > self._config.retry_compression_ratio:
                decoded = self._decode(request, tokenizer, _MOST_FRAMES)
            words = self._words(request, tokenizer, decoded)
        except (RuntimeError, ValueError, IndexError) as failure:
            raise TranscriptionError(f"expected a hypothesis; {type(failure).__name__} came") from failure
        return Hypothesis(
            words=words,
            text="".join(word.text for word in words),
            language=request.language,
            audio_end_ms=request.segment.end_ms,
            model_id=self.model_id,
            no_speech_probability=decoded.no_speech_probability,
            mean_log_probability=decoded.mean_log_probability,
            compression_ratio=decoded.compression_ratio,
        )

    def _tokenizer(self, language: str) -> Any:
        if language not in self._tokenizers:
            self._tokenizers[language] = self._make_tokenizer(
                self._whisper.hf_tokenizer,
                self._whisper.model.is_multilingual,
                task="transcribe",
                language=language,
            )
        return self._tokenizers[language]

    def _window_frames(self, request: TranscriptionRequest) -> int:
        length_ms = len(request.segment.samples) * 1000 // SAMPLE_RATE_HZ
        least_ms = self._config.least_final_window_ms if request.final else self._config.least_window_ms
        window_ms = max(least_ms, length_ms + self._config.margin_ms)
        return min(window_ms // 10, _MOST_FRAMES)

    def _spectrogram(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        padded = np.zeros(frames * _FRAME_SAMPLES, dtype=np.float32)
        kept = samples[: len(padded)]
        padded[: len(kept)] = kept
        mel = self._whisper.feature_extractor(padded, padding=0)
        return np.ascontiguousarray(mel[:, :frames], dtype=np.float32)

    def _decode(self, request: TranscriptionRequest, tokenizer: Any, frames: int) -> _Decoded:
        encoded = self._whisper.encode(self._spectrogram(request.segment.samples, frames))
        prompt = self._prompt(request, tokenizer)
        result = self._whisper.model.generate(
            encoded,
            [prompt],
            beam_size=self._config.beam_size if request.final else 1,
            max_length=self._token_cap(request, len(prompt)),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
        )[0]
        tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
        text = tokenizer.decode(tokens)
        raw = text.encode()
        return _Decoded(
            tokens=tokens,
            text=text,
            encoded=encoded,
            no_speech_probability=float(result.no_speech_prob),
            mean_log_probability=float(result.scores[0]) * len(tokens) / (len(tokens) + 1),
            compression_ratio=len(raw) / len(zlib.compress(raw)),
        )

    def _prompt(self, request: TranscriptionRequest, tokenizer: Any) -> list[int]:
        before: list[int] = []
        if request.prompt:
            before = [tokenizer.sot_prev, *tokenizer.encode(request.prompt)[-_MOST_PROMPT_TOKENS:]]
        return [*before, *tokenizer.sot_sequence, tokenizer.no_timestamps]

    def _token_cap(self, request: TranscriptionRequest, prompt_tokens: int) -> int:
        if request.final:
            return _MOST_TOKENS
        seconds = len(request.segment.samples) / SAMPLE_RATE_HZ
        wanted = int(seconds * self._config.tokens_per_second) + self._config.tokens_margin
        # CTranslate2 yields about half of `max_length`, hence twice the number wanted.
        return min(_MOST_TOKENS, prompt_tokens + 2 * wanted)

    def _words(self, request: TranscriptionRequest, tokenizer: Any, decoded: _Decoded) -> tuple[Word, ...]:
        if not decoded.text.strip():
            return ()
        texts, groups = tokenizer.split_to_word_tokens([*decoded.tokens, tokenizer.eot])
        groups = groups[:-1]
        texts = texts[: len(groups)]
        length_ms = request.segment.end_ms - request.segment.start_ms
        if request.final and self._config.word_times:
            spans, probabilities = self._align(request, tokenizer, decoded, [len(group) for group in groups])
        else:
            spans, probabilities = _proportional(texts, length_ms, decoded.mean_log_probability)
        words: list[Word] = []
        for text, (start_ms, end_ms), probability in zip(texts, spans, probabilities, strict=True):
            clean = text.replace("\ufffd", "")
            if not words:
                clean = clean.lstrip()
            if not clean:
                continue
            start = request.segment.start_ms + min(start_ms, length_ms)
            end = request.segment.start_ms + min(max(start_ms, end_ms), length_ms)
            words.append(Word(clean, start, end, round(probability, 3)))
        return tuple(words)

    def _align(
        self,
        request: TranscriptionRequest,
        tokenizer: Any,
        decoded: _Decoded,
        group_sizes: list[int],
    ) -> tuple[list[tuple[int, int]], list[float]]:
        """Times of each token group by the attention weights, as Whisper's own word timestamps do it."""
        frames = min(len(request.segment.samples) // _FRAME_SAMPLES, _MOST_FRAMES)
        result = self._whisper.model.align(
            decoded.encoded,
            tokenizer.sot_sequence,
            [decoded.tokens],
            max(_FRAMES_PER_TOKEN_STEP, frames),
        )[0]
        pairs = np.array(result.alignments).reshape(-1, 2)
        first_of_token = np.pad(np.diff(pairs[:, 0]), (1, 0), constant_values=1).astype(bool)
        starts = pairs[first_of_token, 1] * _STEP_MS
        token_probabilities = np.array(result.text_token_probs)
        borders = np.cumsum([0, *group_sizes])
        last = len(starts) - 1
        spans = [
            (int(starts[min(a, last)]), int(starts[min(b, last)])) for a, b in pairwise(borders.tolist())
        ]
        probabilities = [
            float(token_probabilities[a:b].mean()) if b > a and a < len(token_probabilities) else 0.0
            for a, b in pairwise(borders.tolist())
        ]
        return spans, probabilities


def _proportional(
    texts: list[str], length_ms: int, mean_log_probability: float
) -> tuple[list[tuple[int, int]], list[float]]:
    """Times in proportion to characters; good enough for text that will be replaced."""
    borders = np.cumsum([0, *(max(1, len(text)) for text in texts)])
    scale = length_ms / borders[-1]
    spans = [(int(a * scale), int(b * scale)) for a, b in pairwise(borders.tolist())]
    return spans, [float(np.exp(mean_log_probability))] * len(texts)
