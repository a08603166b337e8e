"""Why two sides differ: changes are made to torch's side until the difference is gone."""
