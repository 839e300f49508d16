"""The graph: every asset, check, job, sensor and resource, listed once."""

import dagster as dg

from clay_assets.defs.analysis import analysis_assets
from clay_assets.defs.automation import automation_sensor
from clay_assets.defs.checkpoints import checkpoints, training_set
from clay_assets.defs.checks import checks_of
from clay_assets.defs.chips import chips, tiles
from clay_assets.defs.coverage import coverage_asset
from clay_assets.defs.embeddings import embeddings_asset
from clay_assets.defs.evaluation import evaluation_assets
from clay_assets.defs.image_sensor import image_sensor
from clay_assets.defs.imagery import imagery
from clay_assets.defs.images import image_assets, image_jobs
from clay_assets.defs.indexes import index_assets
from clay_assets.defs.jobs import jobs_of
from clay_assets.defs.land_cover import tile_sample
from clay_assets.defs.projections import projection_asset
from clay_assets.defs.resources import resources_of
from clay_assets.defs.sensors import bucket_sensor, scene_sensor
from clay_assets.embeddings import load_products
from clay_assets.settings import Settings


def build_defs(settings: Settings) -> dg.Definitions:
    """The whole graph over the places that `settings` names.

    Raises:
        ProductError: the products file is not valid.
    """
    products = list(load_products(settings.products_file).values())
    of_chips = [product for product in products if product.input == "chips"]
    return dg.Definitions(
        assets=[
            imagery,
            tile_sample,
            tiles,
            chips,
            coverage_asset(of_chips),
            training_set,
            checkpoints,
            *(projection_asset(product) for product in of_chips if product.has_projection),
            *(embeddings_asset(product) for product in of_chips),
            *index_assets(of_chips),
            *analysis_assets(of_chips),
            *image_assets(products),
            *evaluation_assets(products),
        ],
        asset_checks=checks_of(of_chips),
        jobs=[*jobs_of(of_chips), *image_jobs(products)],
        sensors=[
            bucket_sensor(settings),
            scene_sensor(settings),
            image_sensor(settings),
            automation_sensor(settings),
        ],
        resources=resources_of(settings),
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` loads: the graph over the environment's settings."""
    return build_defs(Settings.from_environment())
