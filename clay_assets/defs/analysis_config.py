"""What a person may set of a run of an analysis."""

import dagster as dg
from pydantic import Field

from clay_assets.analysis.change import ChangeSettings, Period
from clay_assets.analysis.classifier import ClassifierSettings
from clay_assets.analysis.clusters import ClusterSettings
from clay_assets.analysis.outliers import OutlierSettings


class ChangeConfig(dg.Config):
    """Which dates are compared."""

    before: str | None = None
    """A day, or two with a slash between; the tile's first day by default."""
    after: str | None = None
    """A day, or two with a slash between; the tile's last day by default."""
    max_cloud_share: float = 0.3
    """Rows known to be cloudier are left out."""

    def settings(self) -> ChangeSettings:
        """What is compared.

        Raises:
            InvalidValueError: a value is not allowed.
        """
        before, after = (
            Period.parse(text, name=name) if text else None
            for name, text in (("before", self.before), ("after", self.after))
        )
        return ChangeSettings(before, after, self.max_cloud_share)


class ClusterConfig(dg.Config):
    """How rows are grouped."""

    clusters: int = 8
    """How many."""
    seed: int = 0
    """Of the sample and the start."""

    def settings(self) -> ClusterSettings:
        """How they are grouped.

        Raises:
            InvalidValueError: a value is not allowed.
        """
        return ClusterSettings(self.clusters, self.seed)


class OutlierConfig(dg.Config):
    """What counts as strange."""

    most: int = 100
    """How many are listed."""
    neighbours: int = 5
    """The distance to this nearest of the sample counts."""
    max_cloud_share: float = 1.0
    """Rows known to be cloudier are not listed."""
    seed: int = 0
    """Of the sample."""

    def settings(self) -> OutlierSettings:
        """What counts.

        Raises:
            InvalidValueError: a value is not allowed.
        """
        return OutlierSettings(self.most, self.neighbours, self.max_cloud_share, self.seed)


class PredictionConfig(dg.Config):
    """How the classifiers are trained."""

    labels: list[str] = Field(default=[])
    """Names of label sets; all of the product by default."""
    model: str = "logistic"
    """logistic or boosting."""
    folds: int = 5
    """Rounds of the cross-validation."""
    block_km: float | None = None
    """Side of a block of ground; None for the largest that allows the folds."""
    background: int = 0
    """So many unlabelled rows are a class of their own."""
    seed: int = 0
    """Of whatever is random."""

    def settings(self) -> ClassifierSettings:
        """How each is trained.

        Raises:
            InvalidValueError: a value is not allowed.
        """
        return ClassifierSettings(self.model, self.folds, self.block_km, self.background, self.seed)
