"""Stories and their pictures: imported from files, gathered from feeds, fetched safely."""
