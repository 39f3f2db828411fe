"""Desk phones: the inbox on their own screens, in each brand's XML."""

from ari_app.portal.phones.routes import add_routes

__all__ = ["add_routes"]
