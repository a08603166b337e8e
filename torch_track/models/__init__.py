"""One file per chapter: build(config) returns the nn.Module."""
