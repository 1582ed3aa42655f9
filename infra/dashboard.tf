locals {
  charts = [
    { title = "Outcomes", filter = local.series.outcomes, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.label.type"] },
    { title = "Lag, 95th percentile (s)", filter = local.series.lag, aligner = "ALIGN_PERCENTILE_95", reducer = "REDUCE_MAX", by = [] },
    { title = "Oldest waiting message (s)", filter = local.series.backlog, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
    { title = "Dead letters", filter = local.series.dead_letters, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = [] },
    { title = "Pulls left at the upstream", filter = local.series.quota, aligner = "ALIGN_PERCENTILE_05", reducer = "REDUCE_MIN", by = [] },
    { title = "Sweeps", filter = local.series.sweeps, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = [] },
  ]
}

resource "google_monitoring_dashboard" "transship" {
  project = var.project
  # https://docs.cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards
  dashboard_json = jsonencode({
    displayName = "transship"
    mosaicLayout = {
      columns = 12
      tiles = [
        for index, chart in local.charts : {
          xPos   = 6 * (index % 2)
          yPos   = 4 * floor(index / 2)
          width  = 6
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = {
                      alignmentPeriod    = "300s"
                      crossSeriesReducer = chart.reducer
                      groupByFields      = chart.by
                      perSeriesAligner   = chart.aligner
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.api]
}
