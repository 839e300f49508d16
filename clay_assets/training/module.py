"""The Lightning module: a Clay v0 autoencoder, its losses and the best of its states."""

from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from clay_assets.models import ClayV0
from clay_assets.training.config import TrainingConfig
from clay_assets.training.losses import robust_loss
from clay_assets.training.samples import Sample
from clay_assets.training.schedule import Budget, make_schedule


class MaskedAutoencoder(L.LightningModule):
    """Hides most tokens of each crop and learns to fill them in."""

    spread: Tensor

    def __init__(
        self, network: ClayV0, config: TrainingConfig, spread: Tensor, budget: Budget, name: str
    ) -> None:
        """Train `network` within `budget` on bands of this spread; `name` is for progress."""
        super().__init__()
        self.network = network
        self.train_losses: list[tuple[int, Tensor]] = []
        self.validation_losses: list[tuple[int, float]] = []
        self.best_state: dict[str, Tensor] | None = None
        self.register_buffer("spread", spread, persistent=False)
        self._config = config
        self._budget = budget
        self._name = name
        self._masks = torch.Generator().manual_seed(config.seed)
        self._errors: list[Tensor] = []

    def on_train_start(self) -> None:
        """Tell that training begins; the first step may take long."""
        self._budget.report(self._name)

    def training_step(self, batch: Sample, _: int) -> Tensor:
        """Loss of one batch under a fresh mask."""
        loss = self._loss(batch, self._masks)
        self.train_losses.append((self._budget.steps, loss.detach()))
        return loss

    def on_train_batch_end(self, *_: Any) -> None:  # noqa: ANN401
        """Count the step and stop when the budget is spent."""
        self._budget.steps += 1
        self._budget.report(self._name)
        if self._budget.spent >= 1:
            self.trainer.should_stop = True

    def on_validation_epoch_start(self) -> None:
        """Use the same masks in each validation, so that its losses can be compared."""
        self._validation_masks = torch.Generator().manual_seed(self._config.seed)
        self._errors = []

    def validation_step(self, batch: Sample, _: int) -> None:
        """Note the loss of one batch."""
        # Once for each crop: the last batch may be smaller than the others.
        self._errors += [self._loss(batch, self._validation_masks)] * len(batch[0])

    def on_validation_epoch_end(self) -> None:
        """Note the loss of all, and keep the state if it is the best so far."""
        loss = torch.stack(self._errors).mean().item()
        if all(loss < earlier for _, earlier in self.validation_losses):
            self.best_state = {
                key: value.detach().cpu().clone()
                for key, value in self.network.state_dict().items()
            }
        self.validation_losses.append((self._budget.steps, loss))

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW as Clay has it, and the schedule of the config."""
        optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=self._config.learning_rate,
            betas=(0.9, 0.95),
            weight_decay=self._config.weight_decay,
        )
        schedule = make_schedule(optimiser, self._config, self._budget)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _loss(self, batch: Sample, masks: torch.Generator) -> Tensor:
        pixels, latlon, timestep = batch
        mask = self.network.draw_mask(pixels, masks)
        predicted = self.network(pixels, latlon, timestep, mask)
        if self._config.loss == "reference":
            return self.network.loss(predicted, pixels, mask)
        return robust_loss(self.network, predicted, pixels, mask, self.spread)
