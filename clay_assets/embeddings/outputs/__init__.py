"""Files beside the GeoParquet: CSV, numpy, a row a patch, and the STAC item and collection."""
