"""Files, JSON, TOML, templates, resources and metrics: what all other rooms use."""
