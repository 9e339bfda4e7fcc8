"""The Chalice application: its blueprints, nothing else."""

from chalice import Chalice

from chalicelib.api import health
from chalicelib.workers import perform, relay, sweep

app = Chalice(app_name="doorstep")
for blueprint in (health.blueprint, relay.blueprint, perform.blueprint, sweep.blueprint):
    app.register_blueprint(blueprint)
