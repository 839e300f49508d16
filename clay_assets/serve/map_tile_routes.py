"""The addresses under `/api/map_tiles`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

if TYPE_CHECKING:
    from clay_assets.serve.service import Service


def add_map_tile_routes(routes: APIRouter, service: Service) -> None:
    """Add the web tiles of true colour."""
