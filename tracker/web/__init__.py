"""Serving requests: permissions, forms, filters, security headers, error pages and idempotency keys."""
