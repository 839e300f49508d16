"""Image sets: folders of pictures in, one table of vectors a set and product out."""
