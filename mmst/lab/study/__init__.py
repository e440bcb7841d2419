"""Runs studies: whole tables and figures as declared runs, executed by the tools."""
