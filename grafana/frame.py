"""The frame of all boards: variables, links between boards, annotations and the 24-column grid."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from grafana.panels import Panel
from grafana.queries import DATASOURCE

HOSPITAL, UNIT, CLINICIAN, TYPES, PIPELINE, HISTORY = (
    f"alarm-fatigue-{name}"
    for name in ("hospital", "unit", "clinician", "types", "pipeline", "history")
)
TAG = "alarm-fatigue"
"""The tag of boards in the menu. The clinician's board has none: it opens only from a unit."""

_FACILITY = "alarm_fatigue_unit_overload_state"
_ALWAYS = "${__url_time_range}&${datasource:queryparam}"
_KEEP = _ALWAYS + "&${facility:queryparam}"
_FIELD = '${{__data.fields["{}"]:percentencode}}'
_OF_ROW = f"facility={_FIELD.format('Facility')}&unit={_FIELD.format('Unit')}"
TO_UNIT = f"/d/{UNIT}?{_ALWAYS}&var-" + _OF_ROW.replace("&unit", "&var-unit")
_TO_UNIT_OF_SERIES = (
    f"/d/{UNIT}?{_ALWAYS}&var-facility=${{__field.labels.facility:percentencode}}"
    "&var-unit=${__field.labels.unit:percentencode}"
)
_TO_TYPES = f"/d/{TYPES}?{_KEEP}&${{unit:queryparam}}"
TO_CLINICIAN = (
    f"/d/{CLINICIAN}?{_KEEP}&${{unit:queryparam}}"
    '&var-clinician=${__data.fields["Clinician"]:percentencode}'
)
_TO_UNIT_OF_BOARD = f"/d/{UNIT}?{_KEEP}&${{unit:queryparam}}"
"""Links that keep the time range and the variables. Field names are those that users see."""
_TYPE = "/".join(_FIELD.format(name) for name in ("Device", "Source", "Code"))
TO_PAGE_OF_ROW = f"${{web:raw}}/unit?{_OF_ROW}"
TO_WHAT_IF = f"{TO_PAGE_OF_ROW}&type={_TYPE}#whatif"
TO_FINDINGS = f"{TO_PAGE_OF_ROW}#fixes"
TO_PAGE = "${web:raw}/unit?facility=${facility:percentencode}&unit=${unit:percentencode}"
_TO_INCIDENT = TO_PAGE.replace("/unit?", "/incident?") + "&at=${__value.time}"
TO_RUNBOOK = f"${{runbooks:raw}}/{_FIELD.format('Alert')}.md"
"""Links to the worker's page and the runbooks. Their addresses are those of prometheus.yml."""

Variable = Builder[models.VariableModel]


def _datasource() -> Variable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _values(
    name: str, label: str, expression: str, several: bool = False
) -> dashboard.QueryVariable:
    one = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": expression, "refId": name})
        .definition(expression)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.NATURAL_ASC)
    )
    if several:
        everything = models.VariableOption(selected=True, text="All", value="$__all")
        return one.multi(True).include_all(True).all_value(".*").current(everything)
    return one.multi(False).include_all(False)


def facility(several: bool = False, of: str = _FACILITY) -> Variable:
    """`of`: a metric that every facility has."""
    return _values("facility", "Facility", f"label_values({of}, facility)", several)


def unit(several: bool = False, of: str = _FACILITY) -> Variable:
    """`of`: a metric that every unit has."""
    equals = "=~" if several else "="
    return _values(
        "unit", "Unit", f'label_values({of}{{facility{equals}"$facility"}}, unit)', several
    )


def address(name: str) -> Variable:
    """An address from prometheus.yml, which the rules write on the alert Watchdog: `runbooks`, or
    `web`, the worker's page.
    """
    found = _values(name, name, f'label_values(ALERTS{{alertname="Watchdog"}}, {name})')
    return found.hide(models.VariableHide.HIDE_VARIABLE)


def from_address(name: str) -> Variable:
    """A variable that a link sets and that cannot be chosen on the board."""
    return dashboard.TextBoxVariable(name).hide(models.VariableHide.HIDE_VARIABLE).default_value("")


def window(label: str, *values: str) -> Variable:
    options = [
        models.VariableOption(text=one, value=one, selected=one == values[0]) for one in values
    ]
    return (
        dashboard.CustomVariable("window")
        .label(label)
        .values(",".join(values))
        .options(options)
        .current(options[0])
        .multi(False)
        .include_all(False)
    )


def to_unit_of_series() -> dashboard.DashboardLink:
    return dashboard.DashboardLink("The unit's board").url(_TO_UNIT_OF_SERIES).target_blank(False)


def to_page() -> dashboard.DashboardLink:
    """To the worker's page of the chosen unit."""
    return dashboard.DashboardLink("The unit on the web page").url(TO_PAGE).target_blank(True)


def to_incident() -> dashboard.DashboardLink:
    """To the conditions around the chosen point in time, on the worker's page."""
    found = dashboard.DashboardLink("What led to it: the conditions around this moment")
    return found.url(_TO_INCIDENT).target_blank(True)


def to_types() -> dashboard.DashboardLink:
    return dashboard.DashboardLink("Alarm types of the unit").url(_TO_TYPES).target_blank(False)


def to_unit() -> str:
    """The address of the board of the chosen unit."""
    return _TO_UNIT_OF_BOARD


class Board:
    """Rows of panels from top to bottom, 24 columns wide. Panels are numbered in order."""

    def __init__(
        self,
        uid: str,
        title: str,
        description: str,
        variables: Sequence[Variable],
        marks: Sequence[dashboard.AnnotationQuery],
        since: str = "now-12h",
        listed: bool = True,
        refresh: str = "30s",
    ) -> None:
        self._board = (
            dashboard.Dashboard(title)
            .uid(uid)
            .description(description)
            .tags([TAG] if listed else [f"{TAG}-detail"])
            .readonly()
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
            .time(since, "now")
            .refresh(refresh)
            .timezone("browser")
            .variables([_datasource(), *variables])
            .annotations([*marks])
            .link(
                dashboard.DashboardLink("Boards")
                .type(models.DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .as_dropdown(False)
                .include_vars(True)
                .keep_time(True)
                .target_blank(False)
                .icon("external link")
                .tooltip("Keeps time and variables")
            )
        )
        self._next = 1
        self._y = 0

    def link(self, to: dashboard.DashboardLink) -> None:
        self._board.link(to)

    def heading(self, title: str) -> None:
        self._board.with_row(
            dashboard.Row(title)
            .id(self._number())
            .grid_pos(models.GridPos(x=0, y=self._y, w=24, h=1))
            .collapsed(False)
        )
        self._y += 1

    def line(self, height: int, *panels: tuple[int, Panel]) -> None:
        """Panels of the same height, side by side, each with its width."""
        for panel in self._placed(height, panels):
            self._board.with_panel(panel)

    def beside(self, left: tuple[int, Panel], *stacked: tuple[int, Panel]) -> None:
        """A panel with its width; at its right, one below the other, panels with their heights."""
        width, tall = left
        height = sum(each for each, _ in stacked)
        panels = [(tall, models.GridPos(x=0, y=self._y, w=width, h=height))]
        for each, panel in stacked:
            panels.append((panel, models.GridPos(x=width, y=self._y, w=24 - width, h=each)))
            self._y += each
        for panel, place in panels:
            self._board.with_panel(panel.id(self._number()).grid_pos(place))

    def repeated(self, title: str, variable: str, height: int, *panels: tuple[int, Panel]) -> None:
        """A closed row for each value of the variable. Its panels ask nothing before it is open."""
        row = dashboard.Row(title).id(self._number()).repeat(variable)
        row = row.grid_pos(models.GridPos(x=0, y=self._y, w=24, h=1))
        self._y += 1
        for panel in self._placed(height, panels):
            row = row.with_panel(panel)
        self._board.with_row(row)
        self._y -= height  # nothing of a closed row shows

    def _placed(self, height: int, panels: Sequence[tuple[int, Panel]]) -> list[Panel]:
        x = 0
        for width, panel in panels:
            # The builders' own flow takes a panel at (0, 0) for one without a position.
            panel.id(self._number()).grid_pos(models.GridPos(x=x, y=self._y, w=width, h=height))
            x += width
        assert x == 24, f"widths of a row add up to {x}"
        self._y += height
        return [panel for _, panel in panels]

    def build(self) -> models.Dashboard:
        built = self._board.build()
        built.version = None
        return built

    def _number(self) -> int:
        self._next += 1
        return self._next - 1
