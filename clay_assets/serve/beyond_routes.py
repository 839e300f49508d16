"""The addresses under `/api/beyond`: what embeddings tell besides neighbours."""

from typing import TYPE_CHECKING

from fastapi import APIRouter

if TYPE_CHECKING:
    from clay_assets.serve.service import Service


def add_beyond_routes(routes: APIRouter, service: "Service") -> None:
    """Add them to `routes`, answering from `service`."""
