"""Charts of repositories, fetched with `--fetch-charts`: from listed hosts, checked by digest, unpacked with bounds."""
