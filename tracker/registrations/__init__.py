"""Registrations: candidates, their unit attempts, allocations, visits, and progress towards qualifications."""
