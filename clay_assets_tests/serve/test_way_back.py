from clay_assets.search import trace
from clay_assets.serve.way_back import way_back
from clay_assets.store import Store
from clay_assets_tests.search.embedding_files import made_chips, write_embeddings


def test_what_is_gone_is_said_to_be_gone(store: Store):
    chips = made_chips("32VKM", 3)  # embeddings only: no checkpoint, no chips, no recipe
    write_embeddings(store, "clay", "32VKM", chips)
    steps = way_back(trace(store, "clay", chips[0].chip_id))
    assert steps == [
        {
            "name": "Embedding",
            "values": [
                "clay, level mean, fp32",
                "embeddings/clay/32VKM_20210301_20210828_v001.gpq",
            ],
            "run_id": "run-of-embeddings",
        },
        {"name": "Checkpoint", "values": ["ab12, not in the store any more"], "run_id": None},
        {"name": "Chip", "values": ["not in the store any more"], "run_id": None},
        {"name": "Scenes", "values": ["not in the store any more"], "run_id": None},
    ]
