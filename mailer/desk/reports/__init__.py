"""Reports and exports of mailings."""
