"""The callbacks in the trainers they are for; without its package a test is skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from models import tiny_ngpt, write_reference

from ngpt_inspect.watching import Ledger, table_of

# Other people's warnings are no faults of ours.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def options(rules: Path) -> dict[str, Any]:
    return {"manner": "thread", "rules": str(rules)}


def followed(run: Path) -> list[int]:
    return sorted(each["step"] for each in Ledger(table_of(run)).entries)


def test_trainer(tmp_path: Path, options: dict[str, Any]) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    from ngpt_inspect.callbacks.transformers import TrainerInspection

    config = transformers.LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=16,
    )
    rows = [{"input_ids": ids, "labels": ids} for ids in torch.randint(32, (8, 8))]
    run = tmp_path / "run"
    arguments = transformers.TrainingArguments(
        output_dir=str(run),
        max_steps=4,
        save_steps=2,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    callback = TrainerInspection(**options)
    transformers.Trainer(
        model=transformers.LlamaForCausalLM(config),
        args=arguments,
        train_dataset=rows,
        callbacks=[callback],
    ).train()
    assert followed(run) == [2, 4]


def test_lightning(tmp_path: Path, options: dict[str, Any]) -> None:
    pytest.importorskip("lightning", reason="lightning is not installed")
    import lightning.pytorch as pl
    from lightning.pytorch.callbacks import ModelCheckpoint

    from ngpt_inspect.callbacks.lightning import LightningInspection

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.embed_tokens = torch.nn.Embedding(12, 8)

        def training_step(self, batch: Any, _: int) -> Any:
            return self.embed_tokens(batch).square().mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    run = tmp_path / "run"
    saving = ModelCheckpoint(dirpath=run, every_n_train_steps=2, save_top_k=-1)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=4,
        callbacks=[LightningInspection(**options), saving],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(Module(), torch.utils.data.DataLoader(torch.arange(12).repeat(4), batch_size=4))
    assert len(list(run.glob("*.ckpt"))) == 2
    assert followed(run) == [2, 4]


def test_olmo_core(tmp_path: Path, options: dict[str, Any]) -> None:
    """Its own hooks in its own order; the checkpoints are written here."""
    pytest.importorskip("olmo_core.train", reason="olmo-core is not installed")
    from olmo_core.train.callbacks import Callback

    from ngpt_inspect.callbacks.olmo_core import OLMoCoreInspection

    callback = OLMoCoreInspection(**options)
    assert isinstance(callback, Callback)
    run = tmp_path / "run"
    callback.pre_train()
    for step in (3, 6):
        model = tiny_ngpt()
        grown = model.changed(E_input=step * model.arrays["E_input", None])
        write_reference(grown, run / f"step{step}/model.safetensors", step=step)
        callback.post_checkpoint_saved(run / f"step{step}")
    callback.post_train()
    callback.close()
    assert followed(run) == [3, 6]
    assert callback.state_dict() == {}
