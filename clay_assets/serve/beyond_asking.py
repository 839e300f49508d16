"""What is asked of analyses over HTTP."""

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from clay_assets.analysis.change import ChangeSettings, Period
from clay_assets.analysis.classifier import MOST_BACKGROUND, MOST_LABELS, ClassifierSettings
from clay_assets.analysis.clusters import MOST_CLUSTERS
from clay_assets.analysis.outliers import MOST_OUTLIERS

MOST_FEATURES = 25_000

Product = Annotated[
    str | None, Query(description="Embedding product; default the first one.", examples=["clay"])
]
Version = Annotated[
    str, Path(description="`version` of a classifier, as training answers it.", max_length=64)
]
Confidence = Annotated[
    float, Query(ge=0, le=1, description="Only rows that the classifier is so sure of.")
]
Classes = Annotated[list[str], Query(alias="class", description="Only rows of these classes.")]
Tiles = Annotated[list[str], Query(alias="tile", description="Only these MGRS tiles.")]
Most = Annotated[
    int, Query(ge=1, le=MOST_FEATURES, description="Most features of a GeoJSON answer.")
]
PredictionFormat = Annotated[
    Literal["geojson", "csv", "compact"],
    Query(description="`compact`: `[id, place, class number, confidence]` of every row."),
]
Days = Annotated[
    str | None,
    Query(description="A day, or two with a slash between.", examples=["2021-05-10"]),
]
CloudShare = Annotated[
    float, Query(ge=0, le=1, description="Rows known to be cloudier are left out.")
]
ClusterCount = Annotated[int, Query(ge=2, le=MOST_CLUSTERS, description="How many clusters.")]
Seed = Annotated[int, Query(ge=0, le=2**32 - 1, description="Of samples and starts.")]
OutlierCount = Annotated[int, Query(ge=1, le=MOST_OUTLIERS, description="How many outliers.")]
Neighbours = Annotated[
    int, Query(ge=1, le=100, description="The distance to this nearest of a sample counts.")
]
Day = Annotated[
    str | None,
    Query(description="A day of the tile, YYYY-MM-DD; its last by default.", examples=[None]),
]


class ClassifierBody(BaseModel):
    """Labels, and how to learn from them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "product": "clay",
                    "labels": {
                        "claytile_32TPT_20210510_v10_0001": "water",
                        "claytile_32TPT_20210510_v10_0002": "forest",
                    },
                    "model": "logistic",
                }
            ]
        },
    )

    product: str | None = Field(None, description="Embedding product; default the first one.")
    labels: dict[str, str] | None = Field(
        None, description="Row id, of a chip or a patch, -> class.", max_length=MOST_LABELS
    )
    label_set: str | None = Field(None, description="Name of a saved label set, instead.")
    model: Literal["logistic", "boosting"] = Field("logistic", description="Kind of classifier.")
    folds: int = Field(5, ge=2, le=20, description="Rounds of the cross-validation.")
    block_km: float | None = Field(
        None,
        ge=0.1,
        le=1000,
        description="Side of a block of ground; default the largest that allows the folds.",
    )
    background: int = Field(
        0,
        ge=0,
        le=MOST_BACKGROUND,
        description="So many unlabelled rows, drawn at random, are a class of their own.",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Of whatever is random.")

    def settings(self) -> ClassifierSettings:
        """How to learn."""
        return ClassifierSettings(self.model, self.folds, self.block_km, self.background, self.seed)


def change_settings(
    before: str | None, after: str | None, max_cloud_share: float
) -> ChangeSettings:
    """What is compared.

    Raises:
        InvalidValueError: a period makes no sense.
    """
    return ChangeSettings(
        Period.parse(before, name="before") if before else None,
        Period.parse(after, name="after") if after else None,
        max_cloud_share,
    )
