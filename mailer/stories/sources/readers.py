"""The table of readers: which function reads which kind of source."""

from __future__ import annotations

from collections.abc import Mapping

from mailer.stories.models import StorySource
from mailer.stories.sources import drupal, feed, folder, sitemap, wordpress
from mailer.stories.sources.reader_interface import Reader

READERS: Mapping[str, Reader] = {
    StorySource.Kind.FEED: feed.read,
    StorySource.Kind.WORDPRESS: wordpress.read,
    StorySource.Kind.DRUPAL: drupal.read,
    StorySource.Kind.SITEMAP: sitemap.read,
    StorySource.Kind.FOLDER: folder.read,
}
