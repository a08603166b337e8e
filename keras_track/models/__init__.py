"""One file per chapter: build(config) returns the keras.Model."""
