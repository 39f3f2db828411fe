"""The package, and a clean machine it is installed on: what scripts/package and scripts/bench install do."""
