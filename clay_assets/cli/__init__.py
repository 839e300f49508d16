"""The `clay-assets` command: a thin face on the rooms."""

from clay_assets.cli.app import app

__all__ = ["app"]
