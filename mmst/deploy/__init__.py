"""Tickets made small and fast: compaction, export, sparse inference."""
