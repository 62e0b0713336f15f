// What a panel may hold, by its type: the types of @grafana/schema in the form that they have in JSON.
import type * as schema from '@grafana/schema';
import type * as annolist from '@grafana/schema/dist/esm/raw/composable/annotationslist/panelcfg/x/AnnotationsListPanelCfg_types.gen';
import type * as barchart from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as histogram from '@grafana/schema/dist/esm/raw/composable/histogram/panelcfg/x/HistogramPanelCfg_types.gen';
import type * as piechart from '@grafana/schema/dist/esm/raw/composable/piechart/panelcfg/x/PieChartPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as statetimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as statushistory from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** JSON has no enums: an enum of strings becomes the union of its literals, all the way down. */
type Json<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends (infer Item)[]
      ? Json<Item>[]
      : T extends object
        ? { [Key in keyof T]: Json<T[Key]> }
        : T;

type DataSource = { type: 'prometheus'; uid: '${datasource}' };

/** A query to Prometheus; its type left @grafana/schema with the data source, so it stands here by hand. */
type Query = Omit<Json<schema.DataQuery>, 'datasource'> & {
  datasource: DataSource;
  expr: string;
  editorMode?: 'builder' | 'code';
  exemplar?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  interval?: string;
  intervalFactor?: number;
  legendFormat?: string;
  range?: boolean;
};

/** What an override may set: a field's own settings, or `custom.` and a setting of the panel's type. */
type Property<Custom> =
  | { [Key in Exclude<keyof schema.FieldConfig, 'custom'>]-?: { id: Key; value: Json<schema.FieldConfig[Key]> } }[
      | Exclude<keyof schema.FieldConfig, 'custom'>]
  | { [Key in keyof Custom & string]-?: { id: `custom.${Key}`; value: Json<Custom[Key]> } }[keyof Custom & string];

/** The registry of colour modes in @grafana/data has one more than the schema of classic dashboards lists. */
type Color = Omit<Json<schema.FieldColor>, 'mode'> & { mode: Json<schema.FieldColorModeId> | 'palette-colorblind' };

type Panel<Type extends string, Options, Custom = Record<string, never>> = Omit<
  Json<schema.Panel>,
  'type' | 'options' | 'fieldConfig' | 'targets' | 'datasource'
> & {
  type: Type;
  datasource?: DataSource;
  targets?: Query[];
  options: Json<Options>;
  fieldConfig: {
    defaults: Omit<Json<schema.FieldConfig>, 'custom' | 'color'> & { color?: Color; custom?: Json<Custom> };
    overrides: { matcher: Json<schema.MatcherConfig>; properties: Property<Custom>[] }[];
  };
};

/** Grafana still reads a table's `displayMode` in old files and ignores it in files of this schema version. */
type TableFields = Omit<table.FieldConfig, 'displayMode'>;

export type Panels = {
  // No type is published for the options of an alert list.
  alertlist: Panel<'alertlist', Record<string, unknown>>;
  annolist: Panel<'annolist', annolist.Options>;
  barchart: Panel<'barchart', barchart.Options, barchart.FieldConfig>;
  bargauge: Panel<'bargauge', bargauge.Options>;
  gauge: Panel<'gauge', gauge.Options>;
  heatmap: Panel<'heatmap', heatmap.Options, heatmap.FieldConfig>;
  histogram: Panel<'histogram', histogram.Options, histogram.FieldConfig>;
  piechart: Panel<'piechart', piechart.Options, schema.HideableFieldConfig>;
  row: Omit<Json<schema.RowPanel>, 'panels'> & { panels: [] };
  stat: Panel<'stat', stat.Options>;
  'state-timeline': Panel<'state-timeline', statetimeline.Options, statetimeline.FieldConfig>;
  'status-history': Panel<'status-history', statushistory.Options, statushistory.FieldConfig>;
  table: Panel<'table', table.Options, TableFields>;
  text: Panel<'text', text.Options>;
  timeseries: Panel<'timeseries', timeseries.Options, timeseries.FieldConfig>;
};

type Annotation = Omit<Json<schema.AnnotationQuery>, 'datasource' | 'target'> & {
  datasource: DataSource;
  target: Omit<Query, 'datasource'>;
  textFormat?: string;
  titleFormat?: string;
  tagKeys?: string;
  useValueForTime?: boolean;
};

/** A dashboard without its panels, which are checked one by one. */
export type Frame = Omit<Json<schema.Dashboard>, 'panels' | 'annotations'> & {
  annotations: { list: Annotation[] };
  panels: [];
};
