"""Prunes finely: the mask, criteria and schedules (a file each), reactivation."""
