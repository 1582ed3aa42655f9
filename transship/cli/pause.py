"""`transship pause` and `resume`: what to do, said and not done.

The switch is a setting of the functions, TRANSSHIP_PAUSED, so that nothing that an event can reach
turns it: docs/adr/0011-command-line.md.
"""

import click

from transship.cli.tools import Tools, own_verb

# Those whose decisions it is part of, as infra/functions.tf gives it to them.
_FUNCTIONS = ("transship-deploy-image", "transship-refresh-services", "transship-warm-mirror")


@click.command(short_help="Print how to stop automatic deploys.")
@own_verb
def pause(tools: Tools) -> None:
    """Print how to stop all automatic deploys; explicit ones go on."""
    _show(tools, paused=True)


@click.command(short_help="Print how to let them go on.")
@own_verb
def resume(tools: Tools) -> None:
    """Print how to let automatic deploys go on."""
    _show(tools, paused=False)


def _show(tools: Tools, *, paused: bool) -> None:
    config, word = tools.config, str(paused).lower()
    commands = [
        f"gcloud run services update {function} --project={config.project}"
        f" --region={config.region} --update-env-vars=TRANSSHIP_PAUSED={word}"
        for function in _FUNCTIONS
    ]
    terraform = f"automatic = {{ paused = {word} }}"
    if tools.output.json:
        tools.output.document({"now": commands, "terraform": terraform})
        return
    if config.local.pubsub:
        click.echo(
            "# Nothing has been changed. On a local stack this does it:\n"
            f"python -m local pause {'on' if paused else 'off'}"
        )
        return
    does = "pauses" if paused else "resumes"
    click.echo(f"# Nothing has been changed. This {does} automatic deploys within seconds:")
    for command in commands:
        click.echo(command)
    click.echo("# This keeps it so over the next `terraform apply`, in the module's block:")
    click.echo(f"#   {terraform}")
