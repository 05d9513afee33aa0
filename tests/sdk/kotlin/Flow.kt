// One flow of an app, over the client that openapi-generator makes of the OpenAPI document: sign up, ask for a clip,
// wait for it, look at the balance. Prints what it saw as JSON. Arguments: URL EMAIL

import com.google.gson.Gson
import com.google.gson.JsonParser
import org.openapitools.client.apis.BillingApi
import org.openapitools.client.apis.SignInApi
import org.openapitools.client.apis.VideosApi
import org.openapitools.client.infrastructure.ApiClient
import org.openapitools.client.infrastructure.ClientError
import org.openapitools.client.infrastructure.ClientException
import org.openapitools.client.models.EstimateCreate
import org.openapitools.client.models.SignUp
import org.openapitools.client.models.Status
import org.openapitools.client.models.Variant
import org.openapitools.client.models.Video
import org.openapitools.client.models.VideoCreate

/** Each status an app has to show; the last stands for those of a newer server. */
fun isDone(status: Status): Boolean =
    when (status) {
        Status.queued, Status.in_progress, Status.unknown_default_open_api -> false
        Status.completed, Status.failed, Status.cancelled -> true
    }

/** Holds each question until the clip is done, for a few seconds at most. */
fun VideosApi.waitFor(video: Video): Video {
    var seen = video
    while (!isDone(seen.status)) {
        seen = getVideo(seen.id, prefer = "wait=5")
    }
    return seen
}

/** The field that the server names as invalid. */
fun refusedField(videos: VideosApi): String? =
    try {
        videos.createVideo(VideoCreate(prompt = "")).id
    } catch (error: ClientException) {
        val problem = (error.response as ClientError<*>).body as String
        JsonParser.parseString(problem).asJsonObject["param"].asString
    }

fun main(arguments: Array<String>) {
    val (url, email) = arguments
    val tokens = SignInApi(url).signUp(SignUp(email = email, password = "correct horse battery"))
    ApiClient.accessToken = tokens.accessToken
    val videos = VideosApi(url)
    val prompt = "a red ball bounces over green hills at sunset"
    val estimate = videos.estimateVideo(EstimateCreate(prompt = prompt, seconds = 1))
    val created = videos.createVideo(VideoCreate(prompt = prompt, seconds = 1), idempotencyKey = "the first clip")
    val video = videos.waitFor(created)
    val poster = videos.getVideoContent(video.id, variant = Variant.poster)
    val balance = BillingApi(url).getBalance()
    val seen =
        mapOf(
            "email" to tokens.user.email,
            "estimated" to estimate.credits,
            "status" to video.status.value,
            "cost" to video.cost.credits,
            "poster" to poster.length(),
            "available" to balance.available,
            "held" to balance.held,
            "refused" to refusedField(videos),
        )
    println(Gson().toJson(seen))
}
