// One flow of an app, over the client that openapi-generator makes of the OpenAPI document: sign up, ask for a clip,
// wait for it, look at the balance. Prints what it saw as JSON. Arguments: URL EMAIL

import Foundation
import Kinora

/// Each status an app has to show; the last stands for those of a newer server.
func isDone(_ status: Status) -> Bool {
    switch status {
    case .queued, .inProgress, .unknownDefaultOpenApi: false
    case .completed, .failed, .cancelled: true
    }
}

/// Holds each question until the clip is done, for a few seconds at most.
func waitFor(_ created: Video) async throws -> Video {
    var video = created
    while !isDone(video.status) {
        video = try await VideosAPI.getVideo(videoId: video.id, prefer: "wait=5")
    }
    return video
}

/// The field that the server names as invalid. The error is cast by hand: Swift 6.0 crashes on its pattern in `catch`.
func refusedField() async throws -> String {
    do {
        return try await VideosAPI.createVideo(videoCreate: VideoCreate(prompt: "")).id
    } catch {
        let failure: any Error = error
        guard let response = failure as? ErrorResponse, case .error(_, let body, _, _) = response, let body else {
            throw failure
        }
        return try JSONDecoder().decode(ProblemBody.self, from: body).param ?? ""
    }
}

let url = CommandLine.arguments[1]
let email = CommandLine.arguments[2]
KinoraAPIConfiguration.shared.basePath = url
let tokens = try await SignInAPI.signUp(signUp: SignUp(email: email, password: "correct horse battery"))
KinoraAPIConfiguration.shared.customHeaders["Authorization"] = "Bearer \(tokens.accessToken)"
let prompt = "a red ball bounces over green hills at sunset"
let estimate = try await VideosAPI.estimateVideo(estimateCreate: EstimateCreate(prompt: prompt, seconds: 1))
let created = try await VideosAPI.createVideo(
    videoCreate: VideoCreate(prompt: prompt, seconds: 1), idempotencyKey: "the first clip")
let video = try await waitFor(created)
let poster = try await VideosAPI.getVideoContent(videoId: video.id, variant: .poster)
let balance = try await BillingAPI.getBalance()
let seen: [String: Any] = [
    "email": tokens.user.email ?? "",
    "estimated": estimate.credits ?? 0,
    "status": video.status.rawValue,
    "cost": video.cost.credits,
    "poster": try Data(contentsOf: poster).count,
    "available": balance.available,
    "held": balance.held,
    "refused": try await refusedField(),
]
print(String(decoding: try JSONSerialization.data(withJSONObject: seen), as: UTF8.self))
