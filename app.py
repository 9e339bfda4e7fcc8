"""The Chalice application: its blueprints, nothing else."""

from chalice import Chalice

from chalicelib.api import edge
from chalicelib.api.areas import AREAS
from chalicelib.web.areas import PAGES
from chalicelib.workers import perform, reconcile, relay, scanned, sweep

app = Chalice(app_name="doorstep")
app.register_middleware(edge.serve, "http")
for blueprint in (*AREAS, *PAGES, *(worker.blueprint for worker in (relay, perform, sweep, scanned, reconcile))):
    app.register_blueprint(blueprint)
