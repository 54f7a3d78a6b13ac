"""The `mailer` command: one module per group of subcommands; thin: parse, call, print."""
