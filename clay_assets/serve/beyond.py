"""Analyses that the server has made, kept while they are fresh.

One is made at a time: each takes all cores there are, and whoever asks for the same gets it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from clay_assets.analysis.classifier import Classifier, ClassifierSettings, Labels, train
from clay_assets.analysis.classifier import classifier_version as version_of_classifier
from clay_assets.analysis.clusters import (
    Centres,
    ClusterSettings,
    ClusterSummary,
    Summaries,
    assign,
    find_centres,
)
from clay_assets.analysis.outliers import Outliers, OutlierSettings, find_outliers
from clay_assets.analysis.pca_picture import ColourScale, fit_colours
from clay_assets.analysis.rows import files_of, version_of
from clay_assets.errors import NotFoundError
from clay_assets.search.source import SourceFile
from clay_assets.store import Store

Found = TypeVar("Found")

KEPT = 32
"""Analyses that are remembered; none holds more than a few numbers a row of a sample."""


@dataclass(frozen=True)
class Clusters:
    """The clusters of a product."""

    centres: Centres
    """Where they lie."""
    found: tuple[ClusterSummary, ...]
    """Each of them."""


@dataclass
class Analyses:
    """What has been asked for of late."""

    store: Store
    """Where the embedding files lie."""
    _kept: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def classifier(self, product: str, labels: Labels, settings: ClassifierSettings) -> Classifier:
        """A classifier trained on these labels; it can be asked for again by its version.

        Raises:
            ClayAssetsError: it cannot be trained.
        """
        version = version_of_classifier(files_of(self.store, product), labels, settings)

        def make() -> Classifier:
            return train(self.store, product, labels, settings)

        return self._once(("classifier", version), make)

    def trained(self, version: str) -> Classifier:
        """A classifier that was trained before.

        Raises:
            NotFoundError: it was not, or so long ago that it is forgotten.
        """
        found = self._kept.get(("classifier", version))
        if not isinstance(found, Classifier):
            raise NotFoundError(
                f"there is no classifier {version!r}, or it is forgotten; train it again by POST "
                "/api/beyond/classifier"
            )
        return found

    def clusters(self, product: str, settings: ClusterSettings) -> Clusters:
        """The clusters of a product.

        Raises:
            ClayAssetsError: there are none.
        """
        files = files_of(self.store, product)

        def make() -> Clusters:
            centres = find_centres(self.store, files, settings)
            summaries = Summaries(settings.clusters)
            for rows in assign(self.store, files, centres):
                summaries.add(rows)
            return Clusters(centres, summaries.list())

        return self._once(("clusters", product, version_of(files), settings), make)

    def outliers(self, product: str, settings: OutlierSettings) -> Outliers:
        """The strangest rows of a product.

        Raises:
            ClayAssetsError: there are none.
        """
        files = files_of(self.store, product)
        key = ("outliers", product, version_of(files), settings)
        return self._once(key, lambda: find_outliers(self.store, files, settings))

    def colours(self, product: str) -> tuple[tuple[SourceFile, ...], ColourScale]:
        """The files of a product, and one scale of colours for all of them.

        Raises:
            ClayAssetsError: there is none.
        """
        files = files_of(self.store, product)
        key = ("colours", product, version_of(files))
        return files, self._once(key, lambda: fit_colours(self.store, files))

    def _once(self, key: Hashable, make: Callable[[], Found]) -> Found:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            found: Found = self._kept[key]
            return found
