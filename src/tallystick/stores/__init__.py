"""Where entries are kept: memory, a folder of files, SQLite, PostgreSQL. One contract suite holds for all."""
