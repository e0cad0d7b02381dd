"""Lays out a pyannote pipeline folder; run by the interpreter that has pyannote.

    python tests/support/pipeline_folder.py SEGMENTATION FOLDER

The segmentation is real, the voice vectors come from a network that was never trained: enough to see that a
folder is opened as pyannote means it, no use for telling voices apart.
"""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path

CONFIG = """
dependencies:
  pyannote.audio: 4.0.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    segmentation: $model/segmentation
    embedding: $model/embedding
    plda: $model/plda
    clustering: AgglomerativeClustering
params:
  segmentation: {threshold: 0.4442, min_duration_off: 0.5817}
  clustering: {method: centroid, min_cluster_size: 12, threshold: 0.7}
"""


def main(segmentation: Path, folder: Path) -> None:
    from koemori.models.diarization import PipelineConfig, _prepare_imports

    _prepare_imports(PipelineConfig())
    import lightning
    import numpy as np
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import XVectorMFCC

    for name in ("segmentation", "embedding", "plda"):
        (folder / name).mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG)
    shutil.copyfile(segmentation, folder / "segmentation" / "pytorch_model.bin")
    torch.manual_seed(0)
    network = XVectorMFCC()
    network.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0
    )
    checkpoint = {
        "state_dict": network.state_dict(),
        "hyper_parameters": dict(network.hparams),
        "pytorch-lightning_version": lightning.__version__,
        "epoch": 0,
        "global_step": 0,
    }
    network.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, folder / "embedding" / "pytorch_model.bin")
    np.savez(
        folder / "plda" / "xvec_transform.npz", mean1=np.zeros(512), mean2=np.zeros(128), lda=np.eye(512, 128)
    )
    np.savez(folder / "plda" / "plda.npz", mu=np.zeros(128), tr=np.eye(128), psi=np.ones(128))


if __name__ == "__main__":
    import types

    koemori = types.ModuleType("koemori")
    koemori.__path__ = [str(Path(__file__).resolve().parents[2])]
    sys.modules["koemori"] = koemori
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
