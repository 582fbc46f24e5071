"""What is watched: the catalog's file format, its loader and the catalog that ships."""
