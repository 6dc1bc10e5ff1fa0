"""feedmill validates, transforms and loads record files in parallel threads, and tells the truth about every record."""
