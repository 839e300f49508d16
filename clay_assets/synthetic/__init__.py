"""A procedural landscape, rendered as Sentinel-2, Sentinel-1 and elevation, plainly synthetic."""

from clay_assets.synthetic.generate import generate

__all__ = ["generate"]
