"""The address `/api/cells`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

if TYPE_CHECKING:
    from clay_assets.serve.service import Service


def add_cell_routes(routes: APIRouter, service: Service) -> None:
    """Add the search in a circle, answered in H3 hexagons."""
