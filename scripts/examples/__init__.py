"""Programs to start from: each needs a running server and nothing but this package."""
