"""What label sets look like; what is sent to be kept is checked by these models."""

from typing import Literal

from pydantic import BaseModel, Field

from clay_assets.search.label_sets import MAX_CLASS_LENGTH, MAX_LABELS
from clay_assets.serve.documents import GEOMETRY, example
from clay_assets.serve.geometry import Area
from clay_assets.serve.requests import CHIP_ID


class LabelProperties(BaseModel):
    """What one label says; `class` is positive, negative or any short text."""

    id: str = Field(min_length=1)
    chip_id: str = Field(min_length=1)
    class_: str = Field(alias="class", min_length=1, max_length=MAX_CLASS_LENGTH)
    date: str = Field(json_schema_extra={"format": "date"})
    mgrs: str = Field(min_length=1)


class LabelFeature(BaseModel):
    """One labelled row and its footprint."""

    type: Literal["Feature"]
    geometry: Area
    properties: LabelProperties


class LabelCollection(BaseModel):
    """A label set."""

    model_config = example(
        type="FeatureCollection",
        name="farms",
        product="clay",
        features=[
            {
                "type": "Feature",
                "geometry": GEOMETRY,
                "properties": {
                    "id": CHIP_ID,
                    "chip_id": CHIP_ID,
                    "class": "positive",
                    "date": "2024-08-08",
                    "mgrs": "32TPT",
                },
            }
        ],
    )

    type: Literal["FeatureCollection"]
    name: str | None = None
    product: str = Field(min_length=1)
    features: list[LabelFeature] = Field(max_length=MAX_LABELS)


class LabelSetSaid(BaseModel):
    """A label set that is kept."""

    name: str
    product: str
    features: int = Field(description="How many labels.")
    etag: str


class LabelList(BaseModel):
    """All label sets."""

    model_config = example(
        labels=[{"name": "farms", "product": "clay", "features": 12, "etag": '"2c26b46b68ffc68f"'}]
    )

    labels: list[LabelSetSaid]
