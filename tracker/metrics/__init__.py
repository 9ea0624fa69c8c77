"""Metrics of the installation for Prometheus."""
