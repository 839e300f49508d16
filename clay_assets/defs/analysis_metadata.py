"""What the UI shows of analyses: figures, pictures, and reports of classifiers."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from clay_assets.analysis.records import Output
from clay_assets.analysis.reporting import report_markdown
from clay_assets.defs.metadata import picture
from clay_assets.store import Store

NO_LABEL_SETS = (
    "none: no label set is of this product; mark chips on the search page and save them as a set"
)


def output_metadata(files: Store, output: Output, **more_figures: object) -> dict[str, Any]:
    """Of one output: its figures, where it lies, and its picture if it has one."""
    metadata = _shown(output.record.figures | more_figures) | {
        "dagster/uri": files.url(output.key),
        "skipped": output.record.skipped,
    }
    return metadata | ({"picture": picture(output.png)} if output.png else {})


def cluster_metadata(files: Store, output: Output) -> dict[str, Any]:
    """Of the clusters: as of every output, and how large each is."""
    clusters = output.record.figures["clusters"]
    return output_metadata(files, output, rows_by_cluster=[cluster["rows"] for cluster in clusters])


def prediction_metadata(
    files: Store, product: str, outputs: Mapping[str, Output]
) -> dict[str, Any]:
    """Of the predictions by label set: how good each classifier is, and what it tells."""
    if not outputs:
        return {"label_sets": NO_LABEL_SETS}
    metadata: dict[str, Any] = {
        "label_sets": ", ".join(outputs),
        "dagster/uri": files.url(f"analysis/predictions/{product}"),
        "skipped": all(output.record.skipped for output in outputs.values()),
    }
    for name, output in outputs.items():
        figures = output.record.figures
        metadata[f"report of {name}"] = dg.MetadataValue.md(report_markdown(figures["report"]))
        metadata[f"predicted by {name}"] = dg.MetadataValue.json(figures["predicted"])
        validation = figures["report"]["validation"]
        if validation:
            metadata[f"balanced_accuracy of {name}"] = validation["balanced_accuracy"]
    return metadata


def _shown(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers and texts as they are, which Dagster plots over time; lists as JSON."""
    return {
        name: dg.MetadataValue.json(value) if isinstance(value, list | dict) else value
        for name, value in figures.items()
        if value is not None
    }
