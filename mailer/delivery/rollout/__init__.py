"""The course of a mailing: planning, steps, stop rules, and the control of staff over it."""
