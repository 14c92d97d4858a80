"""What can be set: by flags, environment variables and a TOML file."""
