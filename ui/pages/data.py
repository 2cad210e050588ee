"""Bring one's past in and watch that go on; take everything out."""

from pathlib import Path

from aiohttp import web

from node.importing.jobs import Job
from ui.node_views import ImportProgress
from ui.operations import perform
from ui.pages.frame import page, space_head
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, status_of
from ui.views import FormView

REASONS_SHOWN = 12


def add_data(book: Book) -> None:
    """Add the pages on a person's data."""
    book.member("GET", "/import", watch)
    book.member("POST", "/import", begin)
    book.member("POST", "/import/{job}/stop", stop)
    book.member("POST", "/import/{job}/again", again)
    book.member("GET", "/export", ask)
    book.member("POST", "/export", write)


def _latest(visit: Visit) -> Job | None:
    """Return the import into this space that was begun last."""
    jobs = [job for job in visit.node.imports.jobs.values() if job.wish.space == visit.here.id]
    return jobs[-1] if jobs else None


async def watch(visit: Visit) -> web.Response:
    """Show how far an import is, and the form that begins one."""
    return await _show_import(visit, FormView(visit.url("/import")))


async def begin(visit: Visit) -> web.Response:
    """Begin to bring an archive in."""
    path = (await visit.form()).get("path", "").strip()
    try:
        await perform(visit.node, "import_file", {"space": visit.here.id.hex(), "path": path})
    except NOT_DONE as error:
        form = FormView(visit.url("/import"), {"path": path}, {"path": sentence(error)})
        return await _show_import(visit, form, status_of(error))
    return visit.go(visit.url("/import"))


async def stop(visit: Visit) -> web.Response:
    """Stop an import for now."""
    await visit.node.imports.stop(visit.request.match_info["job"])
    return visit.go(visit.url("/import"))


async def again(visit: Visit) -> web.Response:
    """Go on with an import that was stopped."""
    wish = visit.node.imports.need(visit.request.match_info["job"]).wish
    given = {"space": wish.space.hex(), "path": str(wish.path), "include_direct": wish.include_direct}
    await perform(visit.node, "import_file", given)
    return visit.go(visit.url("/import"))


async def _show_import(visit: Visit, form: FormView, status: int = 200) -> web.Response:
    job = _latest(visit)
    progress = None
    if job is not None and job.state != "failed":
        progress = _progress(visit, job)
    elif job is not None and not form.errors:
        form = FormView(form.action, {"path": str(job.wish.path)}, {"path": clean_name(job.error, 400)})
    example = str(Path.home() / "Downloads" / "archive.zip")
    context = {"space": await space_head(visit, ""), "form": form, "progress": progress, "example": example}
    return await page(visit, "settings", "import.html", context, status)


def _progress(visit: Visit, job: Job) -> ImportProgress:
    is_going = job.state in ("reading", "running")
    here = visit.url(f"/import/{job.id}")
    skipped = [(reason, count) for reason, count in job.progress.skipped.most_common(REASONS_SHOWN) if count]
    return ImportProgress(
        name=clean_name(job.wish.path.name, 100),
        state=job.state if job.state != "failed" else "stopped",
        done=job.progress.done if is_going else job.progress.imported + job.progress.already,
        total=job.progress.total,
        already_there=job.progress.already,
        skipped=tuple(skipped),
        stop_url=f"{here}/stop" if is_going else "",
        resume_url=f"{here}/again" if job.state == "stopped" else "",
    )


# -- taking everything out --------------------------------------------------------------------------------------------


async def ask(visit: Visit) -> web.Response:
    """Ask where to write everything."""
    name = "".join(letter if letter.isalnum() else "-" for letter in visit.here.name.lower()).strip("-") or "space"
    form = FormView(visit.url("/export"), {"path": str(Path.home() / f"{name}.jsonl")})
    return await _show_export(visit, form)


async def write(visit: Visit) -> web.Response:
    """Write everything that can be read in this space to a file."""
    sent = await visit.form()
    values = {"path": sent.get("path", "").strip(), "raw": sent.get("raw", "")}
    given = {"space": visit.here.id.hex(), "path": values["path"], "raw": bool(values["raw"])}
    try:
        done = await perform(visit.node, "export_file", given)
    except NOT_DONE as error:
        form = FormView(visit.url("/export"), values, {"path": sentence(error)})
        return await _show_export(visit, form, status_of(error))
    words = visit.ngettext("%(num)s post is in %(path)s.", "%(num)s posts are in %(path)s.", done["posts"])
    return visit.go(visit.url("/export"), words % {"num": done["posts"], "path": done["path"]})


async def _show_export(visit: Visit, form: FormView, status: int = 200) -> web.Response:
    context = {"space": await space_head(visit, ""), "form": form}
    return await page(visit, "settings", "export.html", context, status)
